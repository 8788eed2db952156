"""Records that are no logins, and records that are gone (rows 21 and 23)."""

import re
import time
from collections.abc import Iterable
from random import Random
from typing import Any

from confluent_kafka import TopicPartition

from tests.chaos.annex import Annex, annex
from tests.chaos.evidence import Offsets, Topic
from tests.chaos.faults import Hit, fault, waits
from tests.chaos.live import Live
from tests.chaos.oracle import weigh
from tests.chaos.stage import DIRECT, Stage
from tests.chaos.subject import Subject

BELOW_THE_BREAKER = 600  # of a thousand in a row, 900 may be malformed
BEYOND_THE_BREAKER = 3_000
GAP = 300


@fault("poison", row=21, budget=30)
def poison(stage: Stage, dice: Random) -> Hit:
    """Send 600 malformed records of every kind in a row to one partition.

    A lesser worker dies of one of them, and of the same one again; or stands still; or drops them.
    """
    partition = dice.randrange(stage.partitions)
    _storm(stage, partition, BELOW_THE_BREAKER)
    return Hit(partitions=frozenset({partition}))


@fault("poison-flood", row=21, budget=30, weight=0.3)
def poison_flood(stage: Stage, dice: Random) -> Hit:
    """Send 3,000 malformed records in a row to one partition: it is stopped, the others go on, and a person resumes it.

    A lesser system fills its dead letters with a whole topic before anybody looks.
    """
    partition = dice.randrange(stage.partitions)
    _storm(stage, partition, BEYOND_THE_BREAKER)
    others = frozenset(range(stage.partitions)) - {partition}
    assert stage.progress(time.time(), others, waits.PATIENCE_SECONDS) is not None, "the other partitions wait, too"
    host = stage.hosts[DIRECT]
    waits.until(f"partition {partition} is stopped", lambda: host.tool("resume", str(partition)).returncode == 0)
    return Hit(partitions=frozenset({partition}))


@fault("retention-passes", row=23, budget=30, weight=0.0)
def retention_passes(stage: Stage, dice: Random) -> Hit:
    """Retention deletes records that a stopped pool had not processed; it is told to go on without them (a small pool).

    A lesser consumer jumps to the next record there is, and nobody ever learns what was lost.
    """
    with annex(stage, dice.randrange(10**6)) as pool:
        pool.host.start()
        pool.feed(2_000)
        pool.rest()
        pool.host.stop()
        lows = {p: at + GAP for p, at in pool.live.committed().items()}
        pool.feed(2_000)
        copy = Kept(pool.subject, lows)
        _delete(pool, lows)
        _refused(pool)
        pool.configure(accept_gap=True)
        pool.host.start()
        pool.rest()
        assert _told(pool) == dict.fromkeys(lows, GAP), "the gap is not told as it is"
        verdict = weigh(copy)
        assert verdict.exact, str(verdict)
    return Hit()


def _told(pool: Annex) -> dict[int, int]:
    """How many lost records its workers told, by partition; one that looks for its place twice tells them twice."""
    found = re.findall(r'"records lost to retention", "partition": (\d+), "records": (\d+)', pool.said())
    return {int(partition): int(records) for partition, records in found}


class Kept(Live):
    """The evidence with the input as it was: all of it but the records that were lost between commit and `lows`."""

    def __init__(self, subject: Subject, lows: Offsets) -> None:
        super().__init__(subject)
        committed = super().committed()
        self._input = [
            message
            for message in super().records("input")
            for partition, offset in [(message.partition() or 0, message.offset() or 0)]
            if not committed[partition] <= offset < lows[partition]
        ]

    def records(self, topic: Topic) -> Iterable[Any]:  # type: ignore[override]
        """The copy, for the input."""
        return self._input if topic == "input" else super().records(topic)

    def bounds(self, topic: Topic) -> dict[int, tuple[int, int]]:
        """As if nothing had been deleted."""
        found = super().bounds(topic)
        return {p: (0, end) for p, (_, end) in found.items()} if topic == "input" else found


def _storm(stage: Stage, partition: int, count: int) -> None:
    """Send it, and wait until it is in the log."""
    generator = stage.generator
    made = generator.malformed_made
    generator.storm(partition, count)
    waits.until("the storm is made up", lambda: generator.malformed_made >= made + count)
    total = generator.logins + generator.malformed_made
    waits.until("the storm is in the log", lambda: generator.sent >= total)


def _delete(pool: Annex, lows: Offsets) -> None:
    name = pool.subject.input
    deleted = pool.admin.delete_records([TopicPartition(name, p, at) for p, at in lows.items()])
    for answer in deleted.values():
        answer.result(waits.PATIENCE_SECONDS)
    assert {p: low for p, (low, _) in pool.live.bounds("input").items()} == lows


def _refused(pool: Annex) -> None:
    """Each worker says why and ends with code 5, and does so more and more seldom."""
    before = pool.said().count('"exit_code": 5')
    pool.host.start()
    waits.until("both workers refuse", lambda: pool.said().count('"exit_code": 5') >= before + 2)
    assert "retention deleted the log" in pool.said()
    time.sleep(10)
    refusals = pool.said().count('"exit_code": 5') - before
    assert refusals <= 2 * 6, f"{refusals} refusals within ten seconds: too hot"
    pool.host.stop()
