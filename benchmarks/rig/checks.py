"""Whether a run's output is right: a figure of a run that lost or repeated something does not count."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from benchmarks.rig.failed import Failed
from benchmarks.rig.redis_client import redis_client
from processor.kafka.quiet import QUIET
from processor.settings import RedisSettings


def count_committed(bootstrap: str, topic: str) -> dict[int, int]:
    """How many records a read_committed reader finds in each partition of a topic, up to its end of now."""
    with _reader(bootstrap, topic) as (consumer, partitions):
        found = Counter(dict.fromkeys(partitions, 0))
        for messages in _to_the_end(consumer, partitions):
            found.update(message.partition() or 0 for message in messages)
    return dict(found)


def committed(bootstrap: str, topic: str) -> Iterator[list[Message]]:
    """All that a read_committed reader finds in a topic, up to its end of now."""
    with _reader(bootstrap, topic) as (consumer, partitions):
        yield from _to_the_end(consumer, partitions)


def counted(redis: RedisSettings, key: str) -> dict[str, int]:
    """What a hash in Redis holds, its values being numbers."""
    with redis_client(redis, decode=True) as client:
        return {user: int(logins) for user, logins in client.hscan_iter(key, count=5_000)}  # a field may come twice


def sum_hash(redis: RedisSettings, key: str) -> tuple[int, int]:
    """How many fields a hash in Redis has, and what its values, all numbers, add up to."""
    counts = counted(redis, key)
    return len(counts), sum(counts.values())


def require(what: str, found: object, wanted: object) -> None:
    """Raise Failed unless both are equal."""
    if found != wanted:
        raise Failed(f"the output is wrong, so the figure does not count: {what}: {found}, not {wanted}")


@contextmanager
def _reader(bootstrap: str, topic: str) -> Iterator[tuple[Consumer, list[int]]]:
    own = {"group.id": "checks", "enable.partition.eof": True, "enable.auto.commit": False, "logger": QUIET}
    reading = {"auto.offset.reset": "earliest", "isolation.level": "read_committed", "fetch.queue.backoff.ms": 10}
    with closing(Consumer({"bootstrap.servers": bootstrap, **own, **reading})) as consumer:
        partitions = sorted(consumer.list_topics(topic, 10).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        yield consumer, partitions


def _to_the_end(consumer: Consumer, partitions: list[int]) -> Iterator[list[Message]]:
    left = set(partitions)
    while left:
        good = []
        for message in consumer.consume(10_000, 1.0):
            error = message.error()
            if error is None:
                good.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition() or 0)
            else:
                raise Failed(f"{message.topic()} can't be read: {error.str()}")
        yield good
