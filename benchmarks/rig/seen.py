"""A reader in a process of its own that notes when records become visible to whoever reads committed ones."""

import time
from collections.abc import Mapping
from contextlib import closing
from itertools import groupby
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition
from msgspec import Struct

from benchmarks.rig.child import orphaned
from benchmarks.rig.failed import Failed
from benchmarks.rig.stamped import Mark
from processor.kafka.quiet import QUIET

_SILENCE_SECONDS = 60.0
_READING: dict[str, Any] = {
    "group.id": "seen",
    "enable.auto.commit": False,
    "isolation.level": "read_committed",
    "fetch.queue.backoff.ms": 2,
    "logger": QUIET,
}


class Seen(Struct, frozen=True, gc=False):
    """Some records in a row of one partition, with the same mark, that were seen at one moment."""

    at: int  # nanoseconds since the epoch
    partition: int
    mark: int
    records: int


def ends(bootstrap: str, topic: str) -> dict[int, int]:
    """Where a topic's partitions end now."""
    with closing(Consumer({**_READING, "bootstrap.servers": bootstrap})) as consumer:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        found = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), 10) for p in partitions}
    return {partition: bounds[1] for partition, bounds in found.items() if bounds}


def watch(
    bootstrap: str, topic: str, starts: Mapping[int, int], mark: Mark, ready: Barrier, wanted: "Synchronized[int]"
) -> list[Seen]:
    """Read on from these offsets until as many records as `wanted` says were seen; it is below 0 while unknown."""
    found: list[Seen] = []
    records = 0
    with closing(Consumer({**_READING, "bootstrap.servers": bootstrap})) as consumer:
        consumer.assign([TopicPartition(topic, partition, start) for partition, start in starts.items()])
        ready.wait()
        heard = time.monotonic()
        while (records < wanted.value or wanted.value < 0) and not orphaned():
            messages = consumer.consume(1, 0.05)  # the first at once, and with it all that came along
            messages += consumer.consume(10_000, 0) if messages else []
            found += noted([each for each in messages if each.error() is None], mark, time.time_ns())
            records += len(messages)
            heard = time.monotonic() if messages else heard
            if time.monotonic() - heard > _SILENCE_SECONDS:
                raise Failed(f"{topic}: nothing came for a minute after {records:,} records")
    if records > wanted.value:
        raise Failed(f"{topic}: {records:,} records for {wanted.value:,} logins: some were processed twice")
    return found


def noted(messages: list[Message], mark: Mark, now: int) -> list[Seen]:
    """Sum up what one look found."""
    keys = [(message.partition() or 0, mark.of(message.value() or b"")) for message in messages]
    return [Seen(now, partition, found, len(list(run))) for (partition, found), run in groupby(keys)]
