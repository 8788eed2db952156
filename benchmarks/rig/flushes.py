"""One flush of so many changed users, by the flusher's own parts in this process."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from msgspec import Struct

from benchmarks.rig import cpu
from benchmarks.rig.servers import Servers
from processor.counts.connection import Connection, connect
from processor.counts.snapshot import Snapshots
from processor.counts.store import Applied, CountStore, Move
from processor.errors import DataProcessorError
from processor.kafka import offsets
from processor.kafka.cluster import Cluster, lineage
from processor.kafka.publisher import Publisher
from processor.logins.generated import user_id
from processor.publishing import Publishing
from processor.settings import Settings

_APPLY_USERS = 20_000


class Flush(Struct, frozen=True):
    """What one took."""

    seconds: float
    flusher_cpu: float  # seconds
    redis_cpu: float


class Flushing:
    """A leader's term over a pool that has stopped."""

    def __init__(self, where: Servers, settings: Settings, redis: Connection) -> None:
        cluster = Cluster(settings)
        belongs_to = lineage(settings, cluster)
        self._redis_pids = {"redis": where.pids["redis"]}
        self._store = CountStore(redis, settings.redis, belongs_to)
        publisher = Publisher(settings, "benchmark", lambda: None)
        publisher.ready()
        snapshots = Snapshots(redis, settings.redis, belongs_to)
        self._publishing = Publishing(snapshots, publisher, offsets.checkpoint(settings, cluster), lambda: None)
        self._publishing.flush(0)  # what the pool left

    def once(self, changed: int) -> Flush:
        """Count one more login of so many users, and time how long publishing them takes."""
        self._change(changed)
        began, own, before = time.monotonic(), time.process_time(), cpu.snapshot(self._redis_pids)
        self._publishing.flush(0)
        spent = cpu.between(before, cpu.snapshot(self._redis_pids))
        return Flush(time.monotonic() - began, time.process_time() - own, spent["redis"])

    def _change(self, changed: int) -> None:
        """Apply made-up logins of partition 0, as a worker does after its transaction."""
        for users in _chunks(changed):
            cursors = self._store.cursors()[0]
            moves = [Move(p, at, at + (len(users) if p == 0 else 0)) for p, at in cursors.items()]
            answer = self._store.apply(0, moves, Counter(users))
            if not isinstance(answer, Applied):
                raise DataProcessorError(f"the counts were not applied: {answer}")


@contextmanager
def flushing(where: Servers, settings: Settings) -> Iterator[Flushing]:
    """Lead, over the one shard there is; nobody else may."""
    redis = connect(settings.redis, "benchmark")
    try:
        yield Flushing(where, settings, redis)
    finally:
        redis.close()


def _chunks(users: int) -> Iterator[list[str]]:
    names = map(user_id, range(users))
    while chunk := list(islice(names, _APPLY_USERS)):
        yield chunk
