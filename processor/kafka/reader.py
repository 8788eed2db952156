"""Reads a topic from given offsets to given ends, read_committed: for the audit, restore and the tools."""

from collections.abc import Callable, Iterator, Mapping
from time import monotonic

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from processor.errors import Unavailable
from processor.kafka.client import consumer_properties, failure, translated
from processor.settings import Settings

_STUCK_SECONDS = 60.0  # an open transaction of a vanished producer blocks read_committed for its timeout at most


class _Reading:
    """Which partitions have not been read to their end yet."""

    def __init__(self, topic: str, starts: Mapping[int, int], ends: Mapping[int, int]) -> None:
        self.topic = topic
        self.ends = {p: end for p, end in ends.items() if starts.get(p, 0) < end}
        self.starts = {p: starts.get(p, 0) for p in self.ends}

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(self.topic, p, offset) for p, offset in self.starts.items()]

    def take(self, message: Message) -> bool:
        """Note how far a message, or the end-of-partition event, brings us; whether it is one to hand on."""
        error, partition, offset = message.error(), message.partition() or 0, message.offset() or 0
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise failure(error, f"reading {self.topic} partition {partition}")
        end = self.ends.get(partition)
        reached = offset if error is not None else offset + 1
        if end is not None and reached >= end:
            del self.ends[partition]
        return error is None and end is not None and offset < end


def _patient() -> None:
    """Wait on."""


def read(
    settings: Settings,
    topic: str,
    starts: Mapping[int, int],
    ends: Mapping[int, int],
    waiting: Callable[[], None] = _patient,
) -> Iterator[list[Message]]:
    """Yield the records at `starts` ≤ offset < `ends` in batches, each partition in its order.

    Ends are high watermarks; transaction markers may be the last things below them, so the end-of-partition event
    counts as reaching one. A missing start means the offset 0, a partition without an end is not read.
    `waiting` is called while nothing comes, and may raise to give up.
    Raises Unavailable when nothing comes for a minute.
    """
    properties = consumer_properties(settings, "data-processor-reader", f"{settings.group}-reader")
    with translated(f"opening {topic}"):
        consumer = Consumer({**properties, "enable.partition.eof": True, "auto.offset.reset": "earliest"})
    reading = _Reading(topic, starts, ends)
    try:
        consumer.assign(reading.assignment())
        yield from _batches(consumer, reading, waiting)
    finally:
        consumer.close()


def _batches(consumer: Consumer, reading: _Reading, waiting: Callable[[], None]) -> Iterator[list[Message]]:
    heard = monotonic()
    while reading.ends:
        messages = consumer.consume(10_000, 0.1)
        batch = [message for message in messages if reading.take(message)]
        if messages:
            heard = monotonic()
        elif monotonic() - heard > _STUCK_SECONDS:
            raise Unavailable(f"Kafka: reading {reading.topic}: nothing came for {_STUCK_SECONDS:.0f} s")
        if batch:
            yield batch
        elif not messages:
            waiting()
