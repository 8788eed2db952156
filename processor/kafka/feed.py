"""Feeds user-login from the tools: idempotent but without transactions, so each login is there once, and at once."""

from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from processor.errors import DataProcessorError, Refused
from processor.kafka.client import failure, producer_properties, translated
from processor.kafka.quiet import QUIET
from processor.settings import Settings

Keyed = tuple[bytes | None, bytes | None]
"""A record's key and value."""

_PATIENCE_MS = 60_000  # a restarting broker is waited for
_BATCH_BYTES = 1_000_000  # librdkafka's default for what it sends at once, well below a topic's usual limit
_ANY_SIZE = 1_000_000_000  # the greatest message.max.bytes: the topic decides, after compression, what is too large
_FOR_TRANSACTIONS = {"transactional.id", "transaction.timeout.ms", "error_cb", "stats_cb", "statistics.interval.ms"}
_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError._QUEUE_FULL}


class Feed:
    """A producer that takes records in order and knows how many Kafka has acknowledged."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        self.topic = settings.topics.input
        self.problem: DataProcessorError | None = None  # why sending more is pointless
        self.too_large = 0  # records that were refused for their size
        self._sent = self._last = self._lost = 0
        with translated("creating a producer"):
            self._producer = Producer(_properties(settings, client_id))

    @property
    def delivered(self) -> int:
        """How many records Kafka has acknowledged so far."""
        return self._sent - len(self._producer) - self._lost - self.too_large

    def send(self, records: Sequence[Keyed]) -> None:
        """Hand over some thousand records, or some megabytes; waits until all but the last such call's are through."""
        self._wait(self._last)
        messages = [{"key": key, "value": value} for key, value in records]
        waiting = self._queue(messages)
        if waiting:  # larger than what the queue has left
            self._wait(0)
            self.too_large += len(self._queue(waiting))
        self._sent += len(messages)
        self._last = len(messages)

    def finish(self) -> None:
        """Wait until Kafka has acknowledged or refused every record."""
        self._wait(0)

    def _queue(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Queue what there is room for and return the rest."""
        with translated(f"writing to {self.topic}"):
            queued = self._producer.produce_batch(self.topic, messages, on_delivery=self._failed)
        if queued == len(messages):
            return []
        return [{"key": m["key"], "value": m["value"]} for m in messages if "_error" in m]

    def _wait(self, outstanding: int) -> None:
        """Serve the producer until few are outstanding: each is acknowledged, or fails after a minute."""
        self._producer.poll(0)
        while len(self._producer) > outstanding:
            self._producer.poll(0.05)

    def _failed(self, error: KafkaError | None, _message: Message) -> None:
        """Called for failures only (delivery.report.only.error)."""
        if error is None:
            return
        if error.code() in _TOO_LARGE:
            self.too_large += 1
        else:
            self._lost += 1
            self.problem = self.problem or failure(error, f"writing to {self.topic}")


def too_large(settings: Settings, records: int) -> Refused:
    """The error for records that the input topic does not take."""
    limit = settings.topics.max_message_bytes
    return Refused(
        f"{settings.topics.input} takes records of at most {limit:,} bytes after compression: larger ones were "
        f"left out: {records:,}. To take them, raise topics.max_message_bytes, and max.message.bytes of all four topics"
    )


def _properties(settings: Settings, client_id: str) -> dict[str, Any]:
    given = producer_properties(settings, client_id, client_id, disturbed=lambda: None)
    return {key: value for key, value in given.items() if key not in _FOR_TRANSACTIONS} | {
        "logger": QUIET,
        "message.timeout.ms": _PATIENCE_MS,
        "message.max.bytes": _ANY_SIZE,
        "batch.size": min(_BATCH_BYTES, settings.topics.max_message_bytes),
        "delivery.report.only.error": True,  # a call of Python a record would double the price
    }
