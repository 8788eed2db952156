"""Reset's side of Kafka: all that the groups and user-aggregations say of the past, changed in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from processor.errors import Unavailable
from processor.kafka.beginnings import Beginnings
from processor.kafka.client import Verdict, consumer_properties, failure, producer_properties, translated, verdict
from processor.kafka.cluster import Cluster
from processor.kafka.offsets import Checkpoint, Offsets, bounds
from processor.kafka.publisher import TRANSACTION_SECONDS, transactional_id
from processor.kafka.quiet import QUIET
from processor.kafka.reader import read
from processor.logins.forgotten import is_marker
from processor.logins.headers import UNREADABLE, ask
from processor.settings import Settings

_STEP_SECONDS = 0.5
_PATIENCE_SECONDS = 60.0

Keys = dict[int, set[bytes]]  # partition of user-aggregations → users who have a record there


class Rewinding:
    """A producer under the flushers' transactional.id: once it is ready, no flusher of before can publish anything."""

    def __init__(self, settings: Settings, client_id: str, confirm: Callable[[], None]) -> None:
        self._settings = settings
        self._client_id = client_id
        self._confirm = confirm
        properties = producer_properties(
            settings, client_id, transactional_id(settings), lambda: None, TRANSACTION_SECONDS
        )
        with translated("creating a producer"):
            self._producer = Producer({**properties, "logger": QUIET})

    def ready(self) -> None:
        """Fence whoever published before; what they left open is aborted."""
        self._insist("initialising transactions", lambda: self._producer.init_transactions(_STEP_SECONDS))

    def commit(self, published: Keys, starts: Offsets, begins: Beginnings) -> None:
        """Take back all published counts, and set the groups to these starts: all of it or nothing.

        A tombstone a user, so whoever follows user-aggregations learns that the count is gone, and a restore does not
        bring it back. Raises Unavailable when the outcome is unknown: the same again does no harm.
        """
        settings, topic = self._settings, self._settings.topics.input
        checkpoint = Checkpoint([starts for _ in range(settings.redis.shards)]).offsets()
        groups = {
            settings.group: [TopicPartition(topic, p, at, str(at)) for p, at in starts.items()],
            settings.aggregations_group: [
                TopicPartition(topic, p, at.offset, at.metadata) for p, at in checkpoint.items()
            ],
            settings.outputs_group: begins.offsets(settings),
        }
        try:
            self._insist("beginning a transaction", self._producer.begin_transaction)
            self._take_back(published)
            for group, offsets in groups.items():
                self._send_offsets(group, offsets)
            self._insist("committing", lambda: self._producer.commit_transaction(_STEP_SECONDS))
        except BaseException:
            self._abort()
            raise

    def _take_back(self, published: Keys) -> None:
        topic = self._settings.topics.aggregations
        for partition, users in published.items():
            for user in users:
                self._produce(topic, user, partition)
        began = monotonic()
        while self._producer.flush(_STEP_SECONDS) > 0:
            self._wait_on(began, "delivering tombstones")

    def _produce(self, topic: str, user: bytes, partition: int) -> None:
        began = monotonic()
        while True:
            try:
                return self._producer.produce(topic, None, user, partition)
            except BufferError:
                self._producer.poll(_STEP_SECONDS)
                self._wait_on(began, "producing tombstones")

    def _send_offsets(self, group: str, offsets: Sequence[TopicPartition]) -> None:
        membership = _nobody(self._settings, self._client_id, group)
        send = self._producer.send_offsets_to_transaction
        self._insist(f"setting the offsets of group {group}", lambda: send(list(offsets), membership, _STEP_SECONDS))

    def _insist(self, doing: str, call: Callable[[], object]) -> None:
        """Repeat a call for as long as the client says that it goes on where it was."""
        began = monotonic()
        while True:
            try:
                call()
                return
            except KafkaException as problem:
                error = problem.args[0]
                if not error.retriable():
                    again = verdict(error) is not Verdict.LEAVE
                    raise (
                        Unavailable(f"Kafka: {doing}: {error.str()}") if again else failure(error, doing)
                    ) from problem
                self._wait_on(began, f"{doing}: {error.str()}")

    def _wait_on(self, began: float, why: str) -> None:
        self._confirm()
        if monotonic() - began > _PATIENCE_SECONDS:
            raise Unavailable(f"Kafka: {why}: no answer for {_PATIENCE_SECONDS:.0f} s")

    def _abort(self) -> None:
        try:
            self._producer.abort_transaction(2 * _STEP_SECONDS)
        except KafkaException:  # what is raised already says what happened; the next `ready` aborts what is left open
            return


def published_keys(settings: Settings, cluster: Cluster, confirm: Callable[[], None]) -> Keys:
    """Everyone who has a record in user-aggregations that is no tombstone, in each partition where they have one.

    The markers of forgotten users are among them: without its headers one is void, as it has to be where all begins
    anew.
    """
    topic = settings.topics.aggregations
    at = bounds(cluster, topic)
    found: Keys = {partition: set() for partition in at}
    lows, highs = ({p: each[end] for p, each in at.items()} for end in (0, 1))
    for messages in read(settings, topic, lows, highs, confirm):
        _gather(found, messages)
        confirm()
    return found


def _gather(found: Keys, messages: Iterable[Any]) -> None:
    for message in messages:
        key, users = message.key(), found[message.partition()]
        if is_marker(key) and _says_something(message):
            users.add(key)
        elif message.value() is None:
            users.discard(key)
        elif key is not None:
            users.add(key)


def _says_something(message: Any) -> bool:
    try:
        return bool(ask(message))
    except UNREADABLE:
        return True


def _nobody(settings: Settings, client_id: str, group: str) -> Any:
    """A group as nobody in particular: its members are gone, or it never had any."""
    consumer = Consumer(consumer_properties(settings, client_id, group))
    try:
        return consumer.consumer_group_metadata()
    finally:
        consumer.close()
