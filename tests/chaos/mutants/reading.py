"""Mutants that begin, or go on, at a wrong place of user-login."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from msgspec import structs

from tests.chaos.mutants.kinds import mutant, replace


def _starts(worker: ModuleType, choose: Callable[[Any, Any], int]) -> None:
    sound = worker.start

    def start(at: Any, accept_gap: bool) -> Any:
        judged = sound(at, accept_gap)
        return structs.replace(judged, offset=choose(at, judged)) if isinstance(judged, worker.Start) else judged

    replace(worker, "start", start)


@mutant("processor.worker", 1, 2, 16, 17, 19)
def starts_at_the_committed_offset(worker: ModuleType) -> None:
    """A worker starts at the committed offset only, as consumers do; what Redis lacks of the counts is never counted.

    Shown by a kill between commit and apply, and by any Redis that comes back older.
    """
    _starts(worker, lambda _at, judged: judged.committed)


@mutant("processor.worker", 1, 17)
def takes_a_missing_cursor_for_nothing_to_count(worker: ModuleType) -> None:
    """A worker without a cursor starts at the committed offset: "nothing was counted" is read as "nothing is missing".

    Shown by a kill before the first apply of a partition, and by a Redis emptied before its first publication.
    """
    _starts(worker, lambda at, judged: min([judged.committed, *(c for c in at.cursors if c is not None)]))


@mutant("processor.worker", 23)
def passes_over_a_gap(worker: ModuleType) -> None:
    """Where retention deleted records before they were processed, a worker goes on behind them without a word."""
    sound = worker.start

    def start(at: Any, accept_gap: bool) -> Any:  # noqa: ARG001
        judged = sound(at, True)
        return structs.replace(judged, gap=0) if isinstance(judged, worker.Start) else judged

    replace(worker, "start", start)


@mutant("processor.kafka.offsets", 3)
def reads_unstable_offsets(offsets: ModuleType) -> None:
    """Committed offsets are read while a transaction over them is open (isolation.level left at what looks quicker).

    Shown by a zombie whose transaction is committed after its partitions have moved.
    """
    sound = offsets.consumer_properties

    def properties(*arguments: Any) -> dict[str, Any]:
        return {**sound(*arguments), "isolation.level": "read_uncommitted"}

    replace(offsets, "consumer_properties", properties)


@mutant("processor.kafka.source", 3)
def commits_as_nobody(source: ModuleType) -> None:
    """Offsets go into the transaction without the member's identity, as before KIP-447: no zombie is fenced.

    Shown by a zombie that wakes up between its records and its offsets.
    """

    def membership(self: Any) -> Any:
        stranger = source.Consumer({**self._settings.kafka.client, "group.id": self._settings.group})
        try:
            return stranger.consumer_group_metadata()
        finally:
            stranger.close()

    replace(source.Source, "membership", membership)


@mutant("processor.worker", 13)
def remembers_its_place_after_an_abort(worker: ModuleType) -> None:
    """After a failed transaction a worker goes back to where it was, and does not read both positions again.

    Shown by a commit whose answer never came: it was carried out all the same.
    """

    def process(self: Any, batches: Sequence[Any]) -> None:
        try:
            self._write(batches)
        except worker.Unavailable as problem:
            worker.event("going back to where this worker was", why=str(problem))
            self._source.seek({p: place.expected for p, place in self.places.items()})
            return
        _done(self, batches)

    replace(worker.Worker, "_process", process)


@mutant("processor.worker", 8, 10, 11, 14, 15)
def goes_on_after_an_abort(worker: ModuleType) -> None:
    """A failed transaction is logged, and the next poll goes on behind its records.

    Shown by any transaction that fails while the process lives.
    """
    sound = worker.Worker._write

    def write(self: Any, batches: Sequence[Any]) -> None:
        try:
            sound(self, batches)
        except worker.Unavailable as problem:
            worker.event("a transaction failed", why=str(problem))

    replace(worker.Worker, "_write", write)


def _done(worker: Any, batches: Sequence[Any]) -> None:
    for batch in batches:
        place = worker.places[batch.part.partition]
        place.expected = batch.part.end
        place.committed = max(place.committed, batch.part.end)
        worker._counting.add(batch)
