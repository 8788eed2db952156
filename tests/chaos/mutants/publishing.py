"""Mutants of the flusher: what it publishes, drops, and restores."""

import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from tests.chaos.mutants.kinds import misread, mutant, replace


@mutant("processor.kafka.publisher", 27)
def publishes_without_the_checkpoint(publisher: ModuleType) -> None:
    """Counts are committed first, and the checkpoint that they stand for in a second transaction.

    Shown by a flusher killed between the two, when Redis is lost before the next one has begun: what was published
    already is counted again.
    """
    sound = publisher.Publisher.commit

    def commit(self: Any, checkpoint: Any) -> None:
        sound(self, publisher.Checkpoint([]))
        self._producer.begin_transaction()
        sound(self, checkpoint)

    replace(publisher.Publisher, "commit", commit)


@mutant("processor.counts.connection", 27)
def drops_publishing_without_its_id(connection: ModuleType) -> None:
    """After its commit a flusher deletes the snapshot that it finds, whoever took it.

    Shown by a deposed leader that wakes up there: its successor's snapshot is gone, and its users are never published.
    """
    misread(connection, "drop", "if redis.call('HGET', KEYS[2], 'id') ~= ARGV[1] then", "if false then")


@mutant("processor.kafka.publisher", 27)
def is_never_fenced(publisher: ModuleType) -> None:
    """Each flusher has a transactional.id of its own, so the lease alone keeps a deposed leader from publishing.

    Shown by a leader that wakes up before its commit: counts go down, and the checkpoint goes back.
    """
    sound = publisher.transactional_id
    replace(publisher, "transactional_id", lambda settings: f"{sound(settings)}-{settings.host}-{os.getpid()}")


@mutant("processor.counts.connection", 17)
def loads_any_chunk(connection: ModuleType) -> None:
    """A restore does not compare chunk numbers: each chunk is added to whatever is there.

    Shown by a Redis that is emptied again between two chunks: the first one is missing for good.
    """
    misread(connection, "add", "if progress ~= ARGV[1] then", "if false then")


@mutant("processor.counts.snapshot", 16, 19)
def takes_a_scans_end_for_success(snapshot: ModuleType) -> None:
    """A walk goes on over a new connection where it was, and takes the scan's end for all users.

    Shown by a Redis that restarts, or fails over, during a walk: a scan's position means nothing to it.
    """

    def walk(self: Any, of: Any) -> Iterator[list[tuple[str, int]]]:
        key, position = self._shards[of.shard].publishing, 0
        while True:
            try:
                answer = self._connection.call("walking a snapshot", "HSCAN", key, position, "COUNT", snapshot.BATCH)
            except snapshot.Unavailable:
                continue
            position, found = answer
            yield from snapshot.batches(snapshot.counted(found))
            if position == 0:
                return

    replace(snapshot.Snapshots, "walk", walk)


@mutant("processor.counts.connection", 16, 19)
def publishes_a_redis_that_went_back(connection: ModuleType) -> None:
    """A snapshot is taken whether or not the cursors have reached the checkpoint.

    Shown by a Redis that comes back older with changes of then: published counts go down.
    """
    misread(connection, "take", "if #behind > 0 then", "if false then")


@mutant("processor.counts.snapshot", 16, 19)
def publishes_whatever_was_left(snapshot: ModuleType) -> None:
    """A snapshot that a crash left is published, also one that is older than the checkpoint.

    Shown by a Redis that comes back from within a flush: published counts go down.
    """
    replace(snapshot, "fate", lambda *_: snapshot.Fate.PUBLISH)
