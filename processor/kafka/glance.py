"""What can be seen of the pool from outside: where it stands, what it refused, and whether anything waits."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from time import monotonic, sleep
from types import MappingProxyType

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from msgspec import Struct

from processor.kafka.client import REQUEST_SECONDS, consumer_properties, failure, translated
from processor.kafka.cluster import Cluster
from processor.kafka.markers import marks
from processor.kafka.offsets import Committed, asked, bounds
from processor.kafka.quiet import QUIET
from processor.settings import Settings

_COUNTED_AT_MOST = 20_000  # records that a glance reads to count them
_PROBE_SECONDS = 5.0
_PAUSE_SECONDS = 0.1
_ONE_EACH = {"queued.min.messages": 1, "fetch.message.max.bytes": 65_536}  # nobody wants what follows
_TAKING_OVER = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
}


class Letters(Struct, frozen=True):
    """How many dead letters there are; `exact` unless there are too many to count, when other things are among them."""

    records: int
    exact: bool


def last_committed(settings: Settings, group: str, partitions: Iterable[int]) -> dict[int, Committed]:
    """A group's committed offsets on the input as they are at this moment.

    Asked by a consumer that never joins, as in offsets.py, but one that does not wait for the transactions over them to
    end: while a pool works, one is mostly open.
    """
    topic = settings.topics.input
    properties = consumer_properties(settings, "data-processor-glance", group)
    own = {"logger": QUIET, "isolation.level": "read_uncommitted"}
    wanted = [TopicPartition(topic, partition) for partition in partitions]
    with (
        translated(f"reading the committed offsets of group {group}"),
        closing(Consumer({**properties, **own})) as consumer,
    ):
        found = _committed(consumer, wanted)
    return {at.partition: Committed(at.offset, at.metadata or "") for at in found if at.offset >= 0}


def _committed(consumer: Consumer, wanted: list[TopicPartition]) -> list[TopicPartition]:
    """Ask again while the group's coordinator is only just taking over, as on a cluster that never had a group."""
    deadline = monotonic() + REQUEST_SECONDS
    while True:
        try:
            found = asked(consumer, wanted, REQUEST_SECONDS)
            for at in found:
                if at.error is not None:
                    raise KafkaException(at.error)
        except KafkaException as problem:
            if problem.args[0].code() not in _TAKING_OVER or monotonic() > deadline:
                raise
            sleep(_PAUSE_SECONDS)
        else:
            return found


def dead_letters(settings: Settings, cluster: Cluster) -> Letters:
    """How many dead letters lie in their topic."""
    topic = settings.topics.dead_letters
    found = bounds(cluster, topic)
    most = sum(high - low for low, high in found.values())
    if most > _COUNTED_AT_MOST:
        return Letters(most, exact=False)
    starts = {p: low for p, (low, high) in found.items() if low < high}
    seen = _readable(settings, topic, starts, is_one=lambda message: not marks(message))
    return Letters(most, exact=False) if seen is None else Letters(sum(seen.values()), exact=True)


def waiting(settings: Settings, starts: Mapping[int, int]) -> set[int]:
    """The input's partitions with a record at or after `starts` that a worker could take.

    In the others may lie transaction markers, aborted records, or what a transaction that is open has written.
    """
    seen = _readable(settings, settings.topics.input, starts, enough=1) or {}
    return {partition for partition, records in seen.items() if records}


def oldest(settings: Settings, starts: Mapping[int, int]) -> dict[int, float | None]:
    """When the first login at or after each start was written, in seconds since the epoch; None where there is none.

    What was not to be found out in a few seconds is missing.
    """
    found: dict[int, float | None] = {}
    deadline = monotonic() + _PROBE_SECONDS
    with _consumer(settings, settings.topics.input, starts, _ONE_EACH) as consumer:
        while len(found) < len(starts) and monotonic() < deadline:
            for message in consumer.consume(1_000, 0.1):
                error = message.error()
                if error is None:
                    found.setdefault(message.partition() or 0, message.timestamp()[1] / 1000)
                elif error.code() == KafkaError._PARTITION_EOF:
                    found.setdefault(message.partition() or 0, None)
                else:
                    raise failure(error, f"reading {settings.topics.input}")
    return found


def _readable(
    settings: Settings,
    topic: str,
    starts: Mapping[int, int],
    enough: int = _COUNTED_AT_MOST,
    is_one: Callable[[Message], bool] = lambda _message: True,
) -> dict[int, int] | None:
    """How many committed records follow each start; None when that was not to be found out in a few seconds."""
    seen, left = dict.fromkeys(starts, 0), set(starts)
    deadline = monotonic() + _PROBE_SECONDS
    with _consumer(settings, topic, starts) as consumer:
        while left and monotonic() < deadline:
            for message in consumer.consume(10_000, 0.1):
                partition, error = message.partition() or 0, message.error()
                if error is None:
                    seen[partition] += is_one(message)
                elif error.code() != KafkaError._PARTITION_EOF:
                    raise failure(error, f"reading {topic} partition {partition}")
                if error is not None or seen[partition] >= enough:
                    left.discard(partition)
    return None if left else seen


@contextmanager
def _consumer(
    settings: Settings, topic: str, starts: Mapping[int, int], more: Mapping[str, int] = MappingProxyType({})
) -> Iterator[Consumer]:
    properties = consumer_properties(settings, "data-processor-glance", f"{settings.group}-glance")
    own = {"logger": QUIET, "enable.partition.eof": True, "auto.offset.reset": "earliest"}
    with translated(f"opening {topic}"):
        consumer = Consumer({**properties, **own, **more})
    try:
        consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in starts.items()])
        yield consumer
    finally:
        consumer.close()
