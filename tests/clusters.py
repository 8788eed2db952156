"""Two clusters that behave alike: a real broker, and its twin in memory; for what must hold of both."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, NamedTuple, Protocol

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, ResourceType
from msgspec import structs

from deploy.local.servers import Broker
from processor.errors import Unavailable
from processor.kafka import offsets
from processor.kafka.cluster import Cluster
from processor.kafka.output import Output
from processor.kafka.reader import read
from processor.kafka.source import Source
from processor.logins.batch import Batch, Part
from processor.logins.decode import Decoder
from processor.logins.headers import Headers
from processor.logins.judge import OVERHEAD_BYTES, Judge
from processor.settings import Settings, TopicSettings
from tests.twins.kafka import Entry, MemoryKafka, Transaction
from tests.twins.network import Network
from tests.twins.output import MemoryOutput
from tests.twins.record import MemoryRecord
from tests.twins.source import MemorySource

INPUT_PARTITIONS = 3
NOW = 1_700_000_123_456


class Written(NamedTuple):
    """A record as any other consumer gets it."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None


AnySource = Source | MemorySource
AnyOutput = Output | MemoryOutput


class AnyCluster(Protocol):
    """A broker with the four topics, as tests look at it."""

    settings: Settings

    def source(self, instance: str = "a") -> AnySource: ...
    def output(self, name: str = "a") -> AnyOutput: ...
    def feed(self, records: Sequence[Written]) -> None: ...
    def feed_in_transaction(self, records: Sequence[Written], end: str) -> Callable[[], object]: ...
    def delete_before(self, partition: int, offset: int) -> None: ...
    def grow(self, topic: str, partitions: int) -> None: ...
    def limit(self, topic: str, max_bytes: int) -> None: ...
    def silence(self) -> Any: ...
    def read(self, topic: str) -> list[Written]: ...


class RealCluster:
    """A broker's topics of one test."""

    def __init__(self, settings: Settings, broker: Broker) -> None:
        self.settings = settings
        self._broker = broker
        self._cluster = Cluster(settings)
        self._sources: list[Source] = []

    def source(self, instance: str = "a") -> Source:
        source = Source(self.settings, Cluster(self.settings), f"{self.settings.host}-{instance}", instance)
        self._sources.append(source)
        return source

    def output(self, name: str = "a") -> Output:
        return Output(self.settings, Cluster(self.settings), f"{self.settings.group}-{name}", name)

    def feed(self, records: Sequence[Written]) -> None:
        with self._producer() as producer:
            self._send(producer, records)

    def feed_in_transaction(self, records: Sequence[Written], end: str) -> Callable[[], object]:
        producer = Producer({**self.settings.kafka.client, "transactional.id": f"{self.settings.host}-feed"})
        producer.init_transactions(60)
        producer.begin_transaction()
        self._send(producer, records)
        finish: dict[str, Callable[[], object]] = {
            "open": lambda: None,
            "aborted": producer.abort_transaction,
            "committed": producer.commit_transaction,
        }
        finish[end]()
        return finish["committed"]

    def delete_before(self, partition: int, offset: int) -> None:
        at = TopicPartition(self.settings.topics.input, partition, offset)
        self._cluster.client.delete_records([at])[at].result()

    def grow(self, topic: str, partitions: int) -> None:
        self._cluster.client.create_partitions([NewPartitions(topic, partitions)])[topic].result()
        until(lambda: self._cluster.partitions(topic) == partitions)

    def limit(self, topic: str, max_bytes: int) -> None:
        change = ConfigEntry("max.message.bytes", str(max_bytes), incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])
        self._cluster.client.incremental_alter_configs([resource])[resource].result()

    @contextmanager
    def silence(self) -> Iterator[None]:
        self._broker.stop()
        try:
            yield
        finally:
            self._broker.start()

    def read(self, topic: str) -> list[Written]:
        ends = {p: high for p, (_, high) in offsets.bounds(self._cluster, topic).items()}
        return [
            Written(message.partition() or 0, message.key(), message.value(), message.headers())
            for messages in read(self.settings, topic, {}, ends)
            for message in messages
        ]

    def close(self) -> None:
        for source in self._sources:
            source.close()

    @contextmanager
    def _producer(self) -> Iterator[Producer]:
        producer = Producer({**self.settings.kafka.client, "linger.ms": 0, "message.max.bytes": 20_000_000})
        yield producer
        assert producer.flush(60) == 0

    def _send(self, producer: Producer, records: Sequence[Written]) -> None:
        for record in records:
            topic, headers = self.settings.topics.input, record.headers
            producer.produce(topic, record.value, record.key, record.partition, headers=headers)  # type: ignore[arg-type]
        assert producer.flush(60) == 0


class MemoryCluster:
    """The same in memory."""

    def __init__(self) -> None:
        self.settings = settings_for(Settings())
        topics, self._network = self.settings.topics, Network()
        self._kafka = MemoryKafka(self._network, topics.input, topics.partitions)
        self._kafka.create(topics.processed, topics.partitions, self.settings.output_max_bytes)
        self._kafka.create(topics.dead_letters, topics.dead_letters_partitions, self.settings.output_max_bytes)

    def source(self, instance: str = "a") -> MemorySource:
        return MemorySource(self._kafka, self.settings.topics.input, instance)

    def output(self, name: str = "a") -> MemoryOutput:
        return MemoryOutput(self._kafka, self.settings, name)

    def feed(self, records: Sequence[Written]) -> None:
        for record in records:
            self._kafka.add(self.settings.topics.input, *record)

    def feed_in_transaction(self, records: Sequence[Written], end: str) -> Callable[[], object]:
        transaction, logs = Transaction(), self._kafka.topics[self.settings.topics.input]
        for record in records:
            log = logs[record.partition]
            log.append(MemoryRecord((record.partition, log.high), record.key, record.value), transaction)

        def finish(state: Any) -> None:
            transaction.state = state
            for partition in {record.partition for record in records}:
                logs[partition].entries.append(Entry(None))

        if end != "open":
            finish(end)
        return lambda: finish("committed")

    def delete_before(self, partition: int, offset: int) -> None:
        self._kafka.topics[self.settings.topics.input][partition].low = offset

    def grow(self, topic: str, partitions: int) -> None:
        while len(self._kafka.topics[topic]) < partitions:
            self._kafka.add_partition(topic)
        if topic == self.settings.topics.input:
            self._kafka.group.grow(partitions)

    def limit(self, topic: str, max_bytes: int) -> None:
        for log in self._kafka.topics[topic]:
            log.max_bytes = max_bytes

    @contextmanager
    def silence(self) -> Iterator[None]:
        self._network.down.add("kafka")
        yield
        self._network.down.clear()

    def read(self, topic: str) -> list[Written]:
        return [
            Written(record.partition(), record.key(), record.value(), record.headers())
            for log in self._kafka.topics[topic]
            for record in log.read(0)
        ]


def settings_for(settings: Settings) -> Settings:
    """Settings of a small pool whose group hears of everything soon."""
    topics: TopicSettings = structs.replace(settings.topics, partitions=INPUT_PARTITIONS, dead_letters_partitions=2)
    client = {**settings.kafka.client, "topic.metadata.refresh.interval.ms": 500}
    consumer = {**settings.kafka.consumer, "heartbeat.interval.ms": 200, "session.timeout.ms": 6000}
    kafka = structs.replace(settings.kafka, client=client, consumer=consumer)
    return structs.replace(settings, topics=topics, kafka=kafka)


def until(done: Callable[[], object], seconds: float = 300.0) -> None:
    """Return when `done()` says so; fails when it takes too long."""
    deadline = monotonic() + seconds
    while not done():
        assert monotonic() < deadline, "it took too long"


def joined(*sources: AnySource, partitions: int = INPUT_PARTITIONS) -> None:
    """Poll all of them until each partition has an owner, and nobody has two owners' worth."""

    def divided() -> bool:
        assert not [record for source in sources for record in source.poll(100, 0.05)], "nobody said where to start"
        owners = sorted(partition for source in sources for partition in source.owned)
        return owners == list(range(partitions)) and all(source.owned for source in sources)

    until(divided)


def started(source: AnySource, starts: Mapping[int, int] | None = None) -> AnySource:
    """Have all partitions, and go on at the log's beginning or where `starts` says."""
    joined(source)
    sought(source, dict.fromkeys(source.owned, 0) | dict(starts or {}))
    return source


def sought(source: AnySource, starts: Mapping[int, int]) -> None:
    """Seek, as soon as the client can; it can't while it still looks up where the partition was parked."""
    until(lambda: source.poll(1, 0.05) == [] and not _refused(source, starts))


def _refused(source: AnySource, starts: Mapping[int, int]) -> bool:
    try:
        source.seek(starts)
    except Unavailable:
        return True
    return False


def polled(source: AnySource, count: int, limit: int = 1000) -> list[Any]:
    """Poll until so many records came."""
    records: list[Any] = []
    until(lambda: records.extend(source.poll(limit, 0.1)) or len(records) >= count)
    return records


def places(records: Sequence[Any]) -> list[tuple[int, int]]:
    """Partition and offset of each."""
    return [(record.partition(), record.offset()) for record in records]


def judged(settings: Settings, partition: int, *records: MemoryRecord) -> Batch:
    """What these records of a partition become."""
    judge = Judge(Decoder("keep"), settings.output_max_bytes - OVERHEAD_BYTES, lambda: NOW)
    return judge.judge(Part(partition, records, records[-1].offset() + 1))
