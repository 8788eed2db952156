"""The flusher's transactional producer: users' counts and the checkpoint in one transaction."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from msgspec import json

from processor.errors import ClientFailed, DataProcessorError, Fenced, Unavailable
from processor.faults import reach
from processor.kafka.client import (
    SLOW_SECONDS,
    Verdict,
    consumer_properties,
    failure,
    producer_properties,
    translated,
    verdict,
)
from processor.kafka.login import Login
from processor.kafka.offsets import Checkpoint
from processor.kafka.transactions import refuse_failed
from processor.logins.forgotten import Forget, marker_of
from processor.logins.records import Aggregation
from processor.outage import Outage
from processor.settings import Settings

TRANSACTION_SECONDS = 900  # the brokers' maximum (transaction.max.timeout.ms): a large flush needs more than 10 s
_STEP_SECONDS = 0.5  # of one wait, between two looks at whether to go on waiting
_PATIENCE_SECONDS = 5.0  # without a record delivered, before it is called an outage

_write = json.Encoder().encode


class Publisher:
    """One term's producer. The transactional.id is the pool's, so the next leader's `ready` fences this one for good.

    `confirm` is called about twice a second while something is waited for, and may raise to give up. Fenced and
    ClientFailed end the process, which never makes another producer after them: two flushers that took each other's
    place again and again would both publish nothing.
    """

    def __init__(self, settings: Settings, client_id: str, confirm: Callable[[], None]) -> None:
        self.sound = True  # whether nothing of a former transaction can still be under way; if not, begin another term
        self._settings = settings
        self._confirm = confirm
        self._disturbed = False
        self._outage = Outage("publishing in Kafka")
        self._id = transactional_id(settings)
        properties = producer_properties(settings, client_id, self._id, self._disturb, TRANSACTION_SECONDS)
        with translated("creating the flusher's producer"):
            self._producer = Producer(properties)
            self._membership = _membership(settings, client_id)
        self._login = Login(settings.kafka, "producer")
        self._login.keep(self._producer)

    def ready(self) -> None:
        """Become the only one who can publish: what another left open is aborted, and whoever lives is fenced."""
        self._insist(
            f"initialising transactions as {self._id}", lambda: self._producer.init_transactions(_STEP_SECONDS)
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction, aborted at once when anything is raised: left open it would hide what follows from readers."""
        self._insist("beginning a transaction", self._producer.begin_transaction)
        try:
            yield
        except BaseException:
            self._abort()
            raise

    def send(self, users: Sequence[tuple[str, int]]) -> None:
        """Produce users' counts; the key decides the partition, as Java clients would."""
        topic, began = self._settings.topics.aggregations, monotonic()
        messages = [{"key": user.encode(), "value": _write(Aggregation(user, count))} for user, count in users]
        with self._judging("producing the counts"):
            while self._producer.produce_batch(topic, messages) < len(messages):
                messages = [self._again(message) for message in messages if "_error" in message]
                self._producer.poll(_STEP_SECONDS)  # the queue is full: until some are sent
                self._wait_on(began, "the queue is full")

    def forget(self, user: str, forget: Forget) -> None:
        """Produce the tombstones of a user: theirs, and the one that outlasts their coming back."""
        topic, began, headers = self._settings.topics.aggregations, monotonic(), forget.headers()
        with self._judging("producing a tombstone"):
            for key in (user.encode(), marker_of(user)):
                while not self._put(topic, key, headers):
                    self._wait_on(began, "the queue is full")

    def commit(self, checkpoint: Checkpoint) -> None:
        """End the transaction with the checkpoint as the aggregations group's committed offsets, every partition.

        Raises Unavailable when nothing was committed, ClientFailed when nobody knows: the next process reads it anew.
        """
        topic, producer = self._settings.topics.input, self._producer
        offsets = [TopicPartition(topic, p, at.offset, at.metadata) for p, at in checkpoint.offsets().items()]
        self._settle()
        if offsets:
            send = producer.send_offsets_to_transaction
            self._insist("sending the checkpoint", lambda: send(offsets, self._membership, _STEP_SECONDS))
        reach("flusher.after-offsets")
        began, self._disturbed = monotonic(), False
        self._insist("committing", lambda: producer.commit_transaction(_STEP_SECONDS))
        self.serve()
        self.sound = not self._disturbed and monotonic() - began < SLOW_SECONDS

    def serve(self) -> None:
        """Let the client tell what it has to tell; uncalled for hours, that would fill the memory."""
        with self._judging("publishing"):
            self._producer.poll(0)

    def _put(self, topic: str, key: bytes, headers: list[tuple[str, str | bytes | None]]) -> bool:
        try:
            self._producer.produce(topic, None, key, headers=headers)
        except BufferError:  # the queue is full: until some are sent
            self._producer.poll(_STEP_SECONDS)
            return False
        return True

    def _disturb(self) -> None:
        self._disturbed = True

    def _settle(self) -> None:
        """Wait until all that was sent is delivered: a commit that does not wait for that is quick, or suspicious."""
        began, left = monotonic(), len(self._producer)
        with self._judging("delivering the counts"):
            while (now := self._producer.flush(_STEP_SECONDS)) > 0:
                began, left = (monotonic(), now) if now < left else (began, left)
                refuse_failed(self._producer)
                self._wait_on(began, f"{now} records are not delivered")
        self._outage.ended()

    def _insist(self, doing: str, call: Callable[[], object]) -> None:
        """Repeat a call for as long as the client says that it goes on where it was."""
        began = monotonic()
        while True:
            try:
                call()
                return self._outage.ended()
            except KafkaException as problem:
                error = problem.args[0]
                if not error.retriable():
                    raise self._judged(error, doing) from problem
                self._wait_on(began, f"{doing}: {error.str()}")

    def _wait_on(self, began: float, why: str) -> None:
        if monotonic() - began > _PATIENCE_SECONDS:
            self._outage.failed(Unavailable(f"Kafka: {why}"))
        self._confirm()

    @contextmanager
    def _judging(self, doing: str) -> Iterator[None]:
        try:
            yield
        except KafkaException as problem:
            raise self._judged(problem.args[0], doing) from problem

    def _judged(self, error: KafkaError, doing: str) -> DataProcessorError:
        problem = failure(error, doing)
        if isinstance(problem, Fenced):
            return Fenced(
                f"Kafka: {doing}: another process has the transactional.id {self._id} now, so it leads, or the brokers "
                "gave a transaction up: this flusher ends, a clean one waits for its turn"
            )
        if verdict(error) is Verdict.REPLACE:
            return ClientFailed(f"{problem}: what became of the transaction is unknown; a new process reads it anew")
        return problem

    def _again(self, message: dict[str, Any]) -> dict[str, Any]:
        """A message that was refused, to be sent once more; anything but a full queue can't be helped."""
        error: KafkaError = message.pop("_error")
        if error.code() != KafkaError._QUEUE_FULL:
            refuse_failed(self._producer)
            raise KafkaException(error)
        return message

    def _abort(self) -> None:
        """Abort as well as it can be done: what is left open, the next `ready` aborts."""
        self.sound = False
        try:
            self._producer.abort_transaction(2 * _STEP_SECONDS)
        except KafkaException:  # fenced, or no answer: what is raised already says why this term is over
            return


def transactional_id(settings: Settings) -> str:
    """The identity of a pool's leading flusher: the same on every host, so that a new leader fences the old one."""
    return f"{settings.group}-flusher"


def _membership(settings: Settings, client_id: str) -> Any:
    """The aggregations group as nobody in particular: it never has members, only offsets."""
    consumer = Consumer(consumer_properties(settings, client_id, settings.aggregations_group))
    try:
        return consumer.consumer_group_metadata()
    finally:
        consumer.close()
