"""The worker's output: one transaction a batch over processed records, dead letters and input offsets."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from msgspec import Struct

from processor.errors import Unavailable
from processor.faults import reach
from processor.kafka.client import (
    REQUEST_SECONDS,
    SLOW_SECONDS,
    Properties,
    Verdict,
    failure,
    producer_properties,
    translated,
    verdict,
)
from processor.kafka.cluster import Cluster
from processor.kafka.dead_letters import dead_letter
from processor.kafka.login import Login
from processor.kafka.phases import Phases
from processor.log import event
from processor.logins.batch import Batch
from processor.logins.judge import record_bytes
from processor.logins.privacy import redaction
from processor.logins.records import Rejected
from processor.metrics.meter import add
from processor.metrics.told import REPLACEMENTS
from processor.settings import Settings


class Output:
    """A transactional producer that is replaced whenever a former request of it might still be under way.

    librdkafka re-sends EndTxn silently and lacks KIP-890's second part, so a delayed one could end a *later*
    transaction. A new producer's `init_transactions` raises the epoch, which refuses everything sent before.
    """

    def __init__(self, settings: Settings, cluster: Cluster, transactional_id: str, client_id: str) -> None:
        self.replaced = 0  # how often a producer was replaced
        self.phases: Callable[[], Phases] = Phases  # what a transaction's phases are told to
        self._settings = settings
        self._cluster = cluster
        self._same_partition = False  # whether a record keeps its partition number: both topics have as many
        self._dead_letters_partitions = 1
        self._redaction = redaction(settings.privacy.ip, settings.privacy.ip_key)
        self._properties = producer_properties(settings, client_id, transactional_id, self._disturb)
        self._login = Login(settings.kafka, "producer")
        self._room = _Room(0, 0)  # what the queue can take in bulk yet in this transaction
        self._producer: Producer | None = None
        self._initialised = False
        self._disturbed = False

    def ready(self) -> None:
        """Have a sound producer: whatever a former one left open is settled when this returns; learn the topics' sizes.

        Raises Unavailable when the brokers do not answer; calling again goes on.
        """
        topics = self._settings.topics
        self._same_partition = self._cluster.partitions(topics.input) == self._cluster.partitions(topics.processed)
        self._dead_letters_partitions = self._cluster.partitions(topics.dead_letters)
        self._settled()

    def _settled(self) -> Producer:
        """A producer that has lost no connection since it was initialised.

        One that has may wait for ever for a group coordinator that it remembers (librdkafka#5456, #5511).
        """
        if self._producer is not None and self._initialised:
            self._producer.poll(0)
            if self._disturbed:
                self._replace("lost", "a connection was lost")
        if self._producer is None:
            with translated("creating a producer"):
                self._producer = Producer({**self._properties, **self._login.current()})
            self._login.keep(self._producer)
            self._initialised = False
        if not self._initialised:
            self._initialise(self._producer)
        return self._producer

    def _initialise(self, producer: Producer) -> None:
        """Begin a new epoch, in a producer that lost no connection meanwhile.

        One that has says nothing of another loss of that kind for half a minute (rdkafka_broker.c: fail_error).
        """
        losses = self._properties["logger"]
        before = losses.heard
        with translated(f"initialising transactions as {self._properties['transactional.id']}"):
            producer.init_transactions(REQUEST_SECONDS)
        producer.poll(0)
        if losses.heard > before:
            self._replace("lost", "a connection was lost while it was initialised")
            raise Unavailable("Kafka: initialising transactions: a connection was lost meanwhile")
        self._initialised, self._disturbed = True, False

    def write(self, batches: Sequence[Batch], ends: Mapping[int, tuple[int, str]], membership: Any) -> None:
        """Write a transaction; when this raises Unavailable it is not known to be committed: look the positions up.

        1. Begin; produce processed records and dead letters. 2. Send the offsets, always explicit ones. 3. Commit.
        Raises Refused, Fenced or ClientFailed too.
        """
        producer = self._settled()
        topic = self._settings.topics.input
        offsets = [TopicPartition(topic, p, offset, metadata) for p, (offset, metadata) in ends.items()]
        phases = self.phases()
        try:
            producer.begin_transaction()
            self._room = _room(self._properties)
            for batch in batches:
                self._produce(producer, batch)
            phases.over("produce")
            reach("worker.after-produce")
            producer.send_offsets_to_transaction(offsets, membership, REQUEST_SECONDS)
            phases.over("offsets")
            reach("worker.before-commit")
            self._timed(producer, producer.commit_transaction)
            phases.committed()
        except KafkaException as problem:
            phases.failed(verdict(problem.args[0]))
            self._undo(producer, problem.args[0])
            raise failure(problem.args[0], "writing a transaction") from problem

    def close(self) -> None:
        """Let the producer go; an open transaction is aborted by the next process of this name."""
        self._login.keep()
        self._producer = None

    def _disturb(self) -> None:
        self._disturbed = True

    def _timed(self, producer: Producer, end: Callable[[float], None]) -> None:
        """End a transaction, and give the producer up when its request may have been sent more than once."""
        began = monotonic()
        end(REQUEST_SECONDS)
        producer.poll(0)  # serves the callbacks that set `_disturbed`
        if self._disturbed or monotonic() - began > SLOW_SECONDS:
            self._replace("resent", "a request may have been sent twice")

    def _replace(self, cause: str, why: str) -> None:
        event("producer replaced", why=why)
        add(REPLACEMENTS, 1, cause)
        self._login.keep()
        self._producer = None
        self.replaced += 1

    def _undo(self, producer: Producer, error: KafkaError) -> None:
        """Abort, so that the next transaction can begin; where the outcome is unknown only a new producer tells it."""
        judged = verdict(error)
        if judged is Verdict.REPLACE:
            self._replace("unknown", "the outcome of a transaction is unknown")
        if judged is not Verdict.ABORT:
            return
        try:
            self._timed(producer, producer.abort_transaction)
        except KafkaException as problem:
            if verdict(problem.args[0]) is Verdict.LEAVE:
                raise failure(problem.args[0], "aborting a transaction") from problem
            self._replace("abort", "the abort of a transaction was not answered")

    def _produce(self, producer: Producer, batch: Batch) -> None:
        topic, partition = self._settings.topics.processed, self._partition(batch)
        if batch.headers is None and self._room.has(len(batch.values), batch.size):
            self._room.take(len(batch.values), batch.size)
            messages = [
                {"key": key, "value": value}
                for key, value in zip(batch.keys, batch.values, strict=True)
                if value is not None
            ]
            if messages and producer.produce_batch(topic, messages, partition) != len(messages):
                raise KafkaException(next(m["_error"] for m in messages if "_error" in m))
        else:
            self._produce_singly(producer, topic, partition, batch)
        if batch.rejected:
            self._dead_letters(producer, batch)

    def _partition(self, batch: Batch) -> int:
        return batch.part.partition if self._same_partition else -1  # -1: by murmur2 of the key

    def _produce_singly(self, producer: Producer, topic: str, partition: int, batch: Batch) -> None:
        headers = batch.headers or [None] * len(batch.values)
        for key, value, carried in zip(batch.keys, batch.values, headers, strict=True):
            if value is not None:
                self._send(producer, topic, partition, key, value, carried)

    def _dead_letters(self, producer: Producer, batch: Batch) -> None:
        topics = self._settings.topics
        partition = batch.part.partition % self._dead_letters_partitions
        for at, why in enumerate(batch.users):
            if isinstance(why, Rejected):
                record = batch.part.records[at]
                letter = dead_letter(topics.input, record, why, self._settings.output_max_bytes, self._redaction)
                self._send(producer, topics.dead_letters, partition, letter.key, letter.value, letter.headers)

    def _send(
        self, producer: Producer, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Any
    ) -> None:
        """Produce one record, waiting until the queue takes it."""
        self._room.take(1, record_bytes(key, value, headers))
        deadline = monotonic() + REQUEST_SECONDS
        while True:
            try:
                return producer.produce(topic, value, key, partition, headers=headers)
            except BufferError:
                producer.poll(0.1)  # the queue is bounded in bytes: wait until some are sent
                if monotonic() > deadline:
                    raise KafkaException(KafkaError(KafkaError._QUEUE_FULL)) from None


class _Room(Struct):
    """What the queue surely takes yet in this transaction: beyond its bounds, records produced in bulk are refused."""

    messages: int
    bytes: int

    def has(self, messages: int, size: int) -> bool:
        """Whether so much more fits."""
        return messages <= self.messages and size <= self.bytes

    def take(self, messages: int, size: int) -> None:
        """Note what went into the queue; nobody notes what left it."""
        self.messages -= messages
        self.bytes -= size


def _room(properties: Properties) -> _Room:
    """Half of an empty queue, whose bounds are settings that an operator may change."""
    messages, kilobytes = (int(properties[f"queue.buffering.max.{unit}"]) for unit in ("messages", "kbytes"))
    return _Room(messages // 2, kilobytes * 500)
