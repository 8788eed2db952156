"""What the cluster is and what it holds: its id, topics, brokers; and the lineage made of that."""

import socket
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException, Node, TopicCollection
from confluent_kafka.admin import AdminClient, TopicDescription

from processor.errors import Unavailable
from processor.kafka.client import REQUEST_SECONDS, admin, translated
from processor.kafka.heard import Heard
from processor.kafka.login import Login, entered
from processor.logins.records import RULES_VERSION
from processor.settings import Settings

_FIND_SECONDS = 1.0  # a broker that is up answers in milliseconds
_FINDS = 3  # a broker names any one that it thinks is up, another one each time


class Cluster:
    """Questions to the cluster, each one request; raises Unavailable when nobody answers in time."""

    def __init__(self, settings: Settings, client: AdminClient | None = None) -> None:
        self.settings = settings
        self._heard = Heard(settings)
        self.client = client or admin(settings, self._heard)
        self._login = Login(settings.kafka)
        self._login.keep(self.client)

    def id(self) -> str:
        """The cluster's id, as its storage was formatted with."""
        with self._explained("asking for the cluster's id"):
            self._find_controller()
            return str(self.client.describe_cluster(request_timeout=REQUEST_SECONDS).result().cluster_id)

    def brokers(self) -> list[Node]:
        """Every broker, under the address that it gives to clients."""
        with self._explained("asking for the brokers"):
            self._find_controller()
            return list(self.client.describe_cluster(request_timeout=REQUEST_SECONDS).result().nodes)

    def ask(self, topic: str) -> "Future[TopicDescription]":
        """Begin to describe a topic, without waiting for the answer."""
        try:
            self._find_controller()
        except KafkaException as problem:
            nobody: Future[TopicDescription] = Future()
            nobody.set_exception(problem)
            return nobody
        self.client.poll(0)  # what it heard would pile up
        answer: dict[str, Future[TopicDescription]] = self.client.describe_topics(
            TopicCollection([topic]), request_timeout=REQUEST_SECONDS
        )
        return answer[topic]

    def describe(self, topic: str) -> TopicDescription | None:
        """A topic's id, partitions, replicas and their racks; None when it does not exist."""
        with self._explained(f"describing topic {topic}"):
            try:
                return self.ask(topic).result()
            except KafkaException as problem:
                if problem.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    return None
                raise

    def topic_id(self, topic: str) -> str:
        """A topic's id, which is another after it was deleted and made anew (KIP-516)."""
        return str(self._existing(topic).topic_id)

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return len(self._existing(topic).partitions)

    def _existing(self, topic: str) -> TopicDescription:
        found = self.describe(topic)
        if found is None:
            raise Unavailable(f"Kafka: topic {topic} does not exist: `data-processor topics create` makes it")
        return found

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        """Raise this project's errors for the client's, a silence with its cause."""
        self.client.poll(0)
        self._heard.forget()
        try:
            with translated(doing):
                yield
            entered()
        except Unavailable as problem:
            self.client.poll(0)
            raise self._heard.explain(problem) from problem

    def _find_controller(self) -> None:
        """Have the client learn who takes its questions now, from any broker; it does not look by itself.

        While the one that it knows is down, it tries to connect to that one without a pause, hundreds of times a second
        until its metadata are refreshed after five minutes (librdkafka 2.16, seen with one of three brokers killed).
        Raises KafkaException when whoever is named is down: with two of three lost, the third goes on naming any of
        all, and a pool's processes that knock at the lost ones take the CPU that those need to come back (seen).
        """
        said = ""
        for _ in range(_FINDS):
            try:
                found = self.client.list_topics(self.settings.topics.input, _FIND_SECONDS)
            except KafkaException:
                return  # no broker answers: the question itself will say so
            broker = found.brokers.get(found.controller_id)
            if broker is None or _listens(str(broker.host), int(broker.port or 0)):
                return
            said = f"broker {broker.id} at {broker.host}:{broker.port}, who would take the question, can't be reached"
        raise KafkaException(KafkaError(KafkaError._TRANSPORT, said))

    def missing(self) -> list[str]:
        """Which of the four topics do not exist."""
        t = self.settings.topics
        return [n for n in (t.input, t.processed, t.aggregations, t.dead_letters) if self.describe(n) is None]

    def require_topics(self) -> None:
        """Raise Unavailable while one of the four topics does not exist."""
        if missing := self.missing():
            raise Unavailable(
                f"Kafka: no topic {', '.join(missing)} yet: `data-processor topics create` makes what is missing, or "
                "mend its name under [topics]"
            )


def _listens(host: str, port: int) -> bool:
    """Whether somebody takes connections there; what speaks Kafka, with TLS or without, is left to the client."""
    try:
        socket.create_connection((host, port), _FIND_SECONDS).close()
    except OSError:
        return False
    return True


def rules(settings: Settings) -> str:
    """What this version, with these settings, takes for a login: where it changes, the pool is drained first."""
    fields = settings.worker.unknown_fields  # kept ones can make a record too large, so they decide what is valid
    return f"rules={RULES_VERSION} unknown-fields={fields} max={settings.output_max_bytes}"


def lineage(settings: Settings, cluster: Cluster) -> str:
    """What the counts belong to: another lineage in Redis is refused, as its offsets would mean something else."""
    topic = cluster.topic_id(settings.topics.input)
    return f"cluster={cluster.id()} topic={topic} {rules(settings)} shards={settings.redis.shards}"
