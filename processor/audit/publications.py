"""Reads user-aggregations to a point that a checkpoint stands for, while the flusher goes on publishing."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from time import monotonic, sleep
from typing import Protocol

from msgspec import Struct

from processor.audit.checkpoints import Shards, check, forgets_of, shards_of
from processor.audit.findings import Findings
from processor.audit.live import Live
from processor.audit.published import Published
from processor.kafka.offsets import Committed, bounds, committed
from processor.kafka.readable import readable_ends
from processor.kafka.reader import read
from processor.logins.batch import Record
from processor.patience import Moved, persist

_MARKERS_SECONDS = 1.0  # a transaction is committed at once, yet its markers reach the partitions one after the other
_PATIENCE_SECONDS = 900.0  # as long as a flush may take at most
_FORGETTING_SECONDS = 30.0  # a flush that takes longer is better audited later
BEING_FORGOTTEN = (
    "users are being forgotten: they have left Redis, their tombstones are not published yet. Try again after the next "
    "flush; without a flusher that leads it never comes"
)

Advance = Callable[[int], None]


class Settled(Struct, frozen=True):
    """Up to where a shard was published when it was read."""

    cursors: dict[int, int]
    forgets: int  # the number of the last forget


class Publication(Struct, frozen=True):
    """What is published, for each shard at its own checkpoint; `certain` unless a marker might have been on its way."""

    checkpoint: Shards
    forgets: list[int]
    published: Published
    certain: bool


class Reader(Protocol):
    """Who takes the records; of a shard that is settled it takes no more."""

    settled: set[int]

    def take(self, records: Iterable[Record]) -> None:
        """Take records, each partition's in their order."""


def read_published(live: Live, findings: Findings, advance: Advance) -> Publication:
    """Read all shards' counts (DESIGN, The audit)."""
    shards = range(live.settings.redis.shards)
    published = Published(len(shards), findings)
    done, certain, last = follow(live, shards, published, advance)
    check(last, len(shards), findings)
    return Publication([done[s].cursors for s in shards], [done[s].forgets for s in shards], published, certain)


def await_forgotten(live: Live) -> None:
    """Wait until Redis and user-aggregations know of the same forgets; raises Moved when they don't for long.

    Between them lies the transaction of a flush: whose logins count, can't be told meanwhile.
    """
    shards = range(live.settings.redis.shards)
    deadline = monotonic() + _FORGETTING_SECONDS
    while True:
        counted = [persist(partial(live.looking.look, shard, ())).forgets for shard in shards]
        if counted == forgets_of(_committed(live), len(shards)):
            return
        if monotonic() > deadline:
            raise Moved(BEING_FORGOTTEN)
        sleep(0.1)


def follow(
    live: Live, wanted: Sequence[int], reader: Reader, advance: Advance
) -> tuple[dict[int, Settled], bool, dict[int, Committed]]:
    """Read until the checkpoint of every wanted shard was the same before and after a reading.

    Each round reads only what is new. A shard that stood still for a round is settled with what was read up to then:
    whatever is published later is published under another checkpoint. Answers the checkpoints, whether a marker can't
    have been on its way, and what was committed last.
    """
    shards, topic = live.settings.redis.shards, live.topics.aggregations
    certain, done = True, dict[int, Settled]()
    at = {p: low for p, (low, _) in bounds(live.cluster, topic).items()}
    deadline = monotonic() + _PATIENCE_SECONDS
    after = _committed(live)
    while len(done) < len(wanted):
        before = after
        ends, sure = _ends(live)
        for messages in read(live.settings, topic, at, ends):
            reader.take(messages)
            advance(len(messages))
        at, certain, after = ends, certain and sure, _committed(live)
        was, now = _reached(before, shards), _reached(after, shards)
        done |= {s: was[s] for s in wanted if s not in done and was[s] == now[s]}
        reader.settled = set(done)
        if monotonic() > deadline:
            raise Moved("the checkpoint of user-aggregations never stood still long enough to be read")
    return done, certain, after


def _reached(found: dict[int, Committed], shards: int) -> list[Settled]:
    return [Settled(*each) for each in zip(shards_of(found, shards), forgets_of(found, shards), strict=True)]


def _committed(live: Live) -> dict[int, Committed]:
    return persist(lambda: committed(live.cluster, live.settings.aggregations_group, live.topics.input))


def _ends(live: Live) -> tuple[dict[int, int], bool]:
    """Up to where to read, and whether that surely has all that was committed before.

    Not the end of the log: the next flush, which may take minutes, would have to be waited for, and then the one after.
    """
    deadline = monotonic() + _MARKERS_SECONDS
    while True:
        highs = {p: high for p, (_, high) in persist(lambda: bounds(live.cluster, live.topics.aggregations)).items()}
        ends = persist(lambda: readable_ends(live.cluster, live.topics.aggregations))
        if all(ends.get(p, 0) >= high for p, high in highs.items()):
            return highs, True
        if monotonic() > deadline:
            return ends, False
        sleep(0.05)
