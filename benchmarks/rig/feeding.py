"""Logins into the input topic: at once, or held back until everybody stands ready to read them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from confluent_kafka import Producer

from benchmarks.rig.failed import Failed
from benchmarks.rig.logins import Logins
from processor.kafka.quiet import QUIET
from processor.logins.generated import Keyed

_PATIENCE_SECONDS = 60.0
_SENDING: dict[str, Any] = {
    "compression.type": "lz4",
    "partitioner": "murmur2_random",  # as Java producers
    "linger.ms": 5,
    "batch.size": 1_000_000,
    "queue.buffering.max.messages": 200_000,
    "queue.buffering.max.kbytes": 262_144,
    "delivery.report.only.error": True,
    "enable.idempotence": True,
    "logger": QUIET,
}
_HELD: dict[str, Any] = {"transaction.timeout.ms": 900_000, "message.timeout.ms": 900_000}  # as long as a broker allows


def feed(bootstrap: str, topic: str, logins: Logins, sent: Callable[[int], object] = lambda _: None) -> None:
    """Append all logins; returns when Kafka has acknowledged the last."""
    producer = Producer({**_SENDING, "bootstrap.servers": bootstrap})
    _pour(producer, topic, logins, sent)


@contextmanager
def held_back(bootstrap: str, topic: str, logins: Logins) -> Iterator[Callable[[], None]]:
    """Append all logins in one open transaction; the callable that is yielded ends it.

    So a pool can be started, and its start left out of what is measured: nobody who reads committed records sees one
    before, and everybody sees all of them at once after. What is never released is aborted.
    """
    named = {"transactional.id": f"feeder-{uuid4().hex[:8]}", "bootstrap.servers": bootstrap}
    producer = Producer({**_SENDING, **_HELD, **named})
    producer.init_transactions(_PATIENCE_SECONDS)
    producer.begin_transaction()
    _pour(producer, topic, logins, lambda _: None)
    released = False

    def release() -> None:
        nonlocal released
        released = True
        producer.commit_transaction(_PATIENCE_SECONDS)

    try:
        yield release
    finally:
        if not released:
            producer.abort_transaction(_PATIENCE_SECONDS)


def _pour(producer: Producer, topic: str, logins: Logins, sent: Callable[[int], object]) -> None:
    for block in logins.blocks:
        _send(producer, topic, block)
        sent(len(block))
    if producer.flush(_PATIENCE_SECONDS):
        raise Failed(f"{topic}: {len(producer)} logins were not acknowledged within a minute")


def _send(producer: Producer, topic: str, block: Sequence[Keyed]) -> None:
    while len(producer) > 150_000:
        producer.poll(0.05)
    messages = [{"key": key, "value": value} for key, value in block]
    if producer.produce_batch(topic, messages) != len(messages):
        refused = next(message for message in messages if "_error" in message)
        raise Failed(f"{topic}: {refused['_error']!s}")
