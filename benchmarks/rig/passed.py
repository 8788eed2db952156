"""A process of its own that notes when positions pass offsets: the cursors in Redis, and the published checkpoint."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from multiprocessing.synchronize import Barrier, Event

from msgspec import Struct

from benchmarks.rig.child import orphaned
from benchmarks.rig.positions import Positions
from benchmarks.rig.redis_client import Client, redis_client
from processor.counts.keys import Keys
from processor.settings import Settings

_TICK_SECONDS = 0.002  # so much later than it was, at most, a count is noticed here
_SELDOM = 10  # the checkpoint, which moves every few seconds, is looked at once in so many ticks


class Passed(Struct, frozen=True, gc=False):
    """A partition's position, and when it was first seen there."""

    at: int  # nanoseconds since the epoch
    partition: int
    offset: int


class Both(Struct, frozen=True):
    """How both positions moved, in rising order of time."""

    counted: list[Passed]
    published: list[Passed]


def watch(settings: Settings, ready: Barrier, stop: Event) -> Both:
    """Note both until told to stop."""
    bootstrap, found = str(settings.kafka.client["bootstrap.servers"]), Both([], [])
    with (
        closing(Positions(bootstrap, settings.aggregations_group, settings.topics.input)) as checkpoint,
        redis_client(settings.redis) as client,
    ):
        cursors = _Noted(found.counted)
        published = _Noted(found.published)
        ready.wait()
        for tick in _ticks(stop):
            cursors.note(cursors_of(client, settings))
            if tick % _SELDOM == 0:
                published.note(checkpoint.committed())
    return found


def cursors_of(client: Client, settings: Settings) -> dict[int, int]:
    """Each partition's cursor, that of the slowest shard."""
    keys = [Keys(settings.redis.prefix, shard).cursors for shard in range(settings.redis.shards)]
    shards = [{int(name): int(end) for name, end in client.hgetall(key).items() if name.isdigit()} for key in keys]
    return {partition: min(each.get(partition, 0) for each in shards) for partition in shards[0]}


class _Noted:
    def __init__(self, into: list[Passed]) -> None:
        self._into = into
        self._last: dict[int, int] = {}

    def note(self, positions: Mapping[int, int]) -> None:
        now = time.time_ns()
        moved = {p: offset for p, offset in positions.items() if offset > self._last.get(p, 0)}
        self._into.extend(Passed(now, partition, offset) for partition, offset in moved.items())
        self._last.update(moved)


def _ticks(stop: Event) -> Iterator[int]:
    tick = 0
    while not stop.is_set() and not orphaned():
        yield tick
        tick += 1
        time.sleep(_TICK_SECONDS)
