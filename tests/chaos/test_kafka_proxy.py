"""What the proxy does to single Kafka requests, and what a real broker and a real client make of it."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import takewhile
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from msgspec import structs

from deploy.local.ports import LOOPBACK, pick_free
from deploy.local.servers import Broker
from processor.errors import Unavailable
from processor.kafka.offsets import Committed
from processor.kafka.source import Source
from tests import stack
from tests.chaos import frames
from tests.chaos.frames import ApiKey
from tests.chaos.kafka_proxy import (
    Action,
    KafkaProxy,
    close_after_request,
    close_connection,
    drop_request,
    drop_response,
    hold,
)
from tests.chaos.writer import Crash, Writer, login, on_producing
from tests.clusters import RealCluster, judged, settings_for, started, until

FENCED = {47, 90}  # INVALID_PRODUCER_EPOCH, PRODUCER_FENCED


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Start a broker with a second listener, which sends its clients to the proxy."""
    broker = stack.new_broker(tmp_path_factory.mktemp("proxied-kafka"))
    (proxied, proxy) = pick_free(2)
    ours = f"CLIENTS://{LOOPBACK}:{broker.port},CONTROLLERS://{LOOPBACK}:{broker.controller_port}"
    broker.overrides = {
        **broker.overrides,
        "listeners": f"{ours},PROXIED://{LOOPBACK}:{proxied}",
        "advertised.listeners": f"{ours},PROXIED://{LOOPBACK}:{proxy}",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLERS:PLAINTEXT,PROXIED:PLAINTEXT",
    }
    try:
        broker.start()
        Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": "warm"}).init_transactions(60)
        yield broker
    finally:
        broker.stop()
        shutil.rmtree(broker.directory / "data", ignore_errors=True)


def port_of(broker: Broker, setting: str) -> tuple[str, int]:
    """Where the second listener is, or says that it is."""
    return LOOPBACK, int(broker.overrides[setting].rpartition(":")[2])


@pytest.fixture
def proxy(broker: Broker) -> Iterator[KafkaProxy]:
    """Start the proxy that the second listener names."""
    proxy = KafkaProxy(port_of(broker, "advertised.listeners"), port_of(broker, "listeners"))
    proxy.start()
    yield proxy
    proxy.stop()


@pytest.fixture
def direct(broker: Broker, tmp_path: Path) -> Iterator[RealCluster]:
    """Make the topics of this test, for those who go round the proxy."""
    settings = settings_for(stack.new_settings(broker, stack.new_redis(tmp_path), tmp_path))
    patient = {**settings.kafka.consumer, "session.timeout.ms": 60_000}  # nobody polls the member meanwhile
    settings = structs.replace(settings, kafka=structs.replace(settings.kafka, consumer=patient))
    stack.create_topics(settings)
    cluster = RealCluster(settings, broker)
    yield cluster
    cluster.close()
    stack.delete_topics(settings)


@pytest.fixture
def proxied(direct: RealCluster, proxy: KafkaProxy, broker: Broker) -> RealCluster:
    """The same topics, by the proxy."""
    kafka = direct.settings.kafka
    address = {"bootstrap.servers": f"{proxy.listen[0]}:{proxy.listen[1]}"}
    settings = structs.replace(direct.settings, kafka=structs.replace(kafka, client={**kafka.client, **address}))
    return RealCluster(settings, broker)


# A producer that is kept alive, as a client without our care would


def kept_alive(cluster: RealCluster) -> Producer:
    """A transactional producer that has already committed something."""
    producer = Producer({**cluster.settings.kafka.client, "transactional.id": cluster.settings.host, "linger.ms": 0})
    producer.init_transactions(60)
    transact(producer, cluster, b"first")
    return producer


def transact(producer: Producer, cluster: RealCluster, value: bytes) -> None:
    """One record, one transaction."""
    producer.begin_transaction()
    producer.produce(cluster.settings.topics.input, value, partition=0)
    producer.commit_transaction(20)


def values(cluster: RealCluster) -> list[bytes | None]:
    """What a reader of committed records sees now: up to the first transaction that is open."""
    committed = {"group.id": "reader", "isolation.level": "read_committed", "enable.partition.eof": True}
    reader = Consumer({**cluster.settings.kafka.client, **committed})
    reader.assign([TopicPartition(cluster.settings.topics.input, 0, 0)])
    with closing(reader):
        messages = iter(partial(reader.poll, 30), None)
        return [message.value() for message in takewhile(lambda message: not message.error(), messages)]


def test_a_zombie_commits_half_of_a_later_transaction_of_a_producer_that_was_kept_alive(
    direct: RealCluster, proxied: RealCluster, proxy: KafkaProxy
) -> None:
    producer = kept_alive(proxied)
    zombie = proxy.zombie(ApiKey.END_TXN)
    transact(producer, proxied, b"second")  # librdkafka sends its EndTxn again, and says nothing
    assert zombie.caught(0)
    producer.begin_transaction()
    producer.produce(proxied.settings.topics.input, b"half", partition=0)
    assert producer.flush(60) == 0
    assert values(direct) == [b"first", b"second"]

    assert frames.error(zombie.deliver()) == 0

    until(lambda: values(direct) == [b"first", b"second", b"half"])
    with pytest.raises(KafkaException):
        producer.abort_transaction(20)
    assert values(direct) == [b"first", b"second", b"half"]


def test_a_zombie_of_a_producer_that_was_replaced_is_refused(
    direct: RealCluster, proxied: RealCluster, proxy: KafkaProxy
) -> None:
    zombie = proxy.zombie(ApiKey.END_TXN)
    kept_alive(proxied)
    successor = kept_alive(proxied)
    successor.begin_transaction()
    successor.produce(proxied.settings.topics.input, b"half", partition=0)
    assert successor.flush(60) == 0

    assert frames.error(zombie.deliver()) in FENCED

    successor.abort_transaction(20)
    assert values(direct) == [b"first", b"first"]


# Our output, which replaces its producer


@pytest.fixture
def member(direct: RealCluster) -> Source:
    """Make a member of the group, which has all partitions, and goes round the proxy."""
    source = started(direct.source())
    assert isinstance(source, Source)
    return source


def written_in_full(direct: RealCluster, writer: Writer, member: Source) -> None:
    """Fail unless each login is there once, and so is its offset."""
    assert dict(member.committed()) == {0: Committed(writer.committed, "0")}
    assert [record.value for record in direct.read(direct.settings.topics.processed)] == [
        judged(direct.settings, 0, login(n)).values[0] for n in range(writer.committed)
    ]


@pytest.mark.parametrize("cut", [True, False], ids=["sent-again-at-once", "sent-again-after-a-timeout"])
def test_a_zombie_harms_no_later_transaction_of_our_output(
    cut: bool, direct: RealCluster, proxied: RealCluster, member: Source, proxy: KafkaProxy
) -> None:
    writer = Writer(proxied, member)
    writer.write()

    answer = meets_a_zombie(writer, proxy, cut)

    assert answer in FENCED
    successor = Writer(proxied, member)
    successor.look_up()
    successor.write()
    written_in_full(direct, successor, member)


def meets_a_zombie(writer: Writer, proxy: KafkaProxy, cut: bool) -> int:
    """Have a transaction end twice, the second time within the next one, which then dies; what the broker answered."""
    zombie = proxy.zombie(ApiKey.END_TXN, cut=cut)
    writer.write()
    assert zombie.caught(0)

    def rise() -> None:
        writer.flush()
        zombie.deliver()
        raise Crash

    with on_producing(rise), pytest.raises(Crash):
        writer.write()
    return frames.error(zombie.answer)


def test_a_zombie_harms_no_later_transaction_though_a_connection_was_already_lost_at_the_start(
    direct: RealCluster, proxied: RealCluster, member: Source, proxy: KafkaProxy
) -> None:
    rule = proxy.on_request(ApiKey.INIT_PRODUCER_ID, close_connection, times=2)
    writer = Writer(proxied, member)
    assert rule.wait(0)

    answer = meets_a_zombie(writer, proxy, cut=True)

    assert answer in FENCED
    successor = Writer(proxied, member)
    successor.look_up()
    successor.write()
    written_in_full(direct, successor, member)


ENDINGS = [drop_request, drop_response, close_connection, close_after_request, hold(1.0), hold(7.0)]
QUICK = [close_connection, close_after_request, hold(1.0)]
OTHERS = [ApiKey.TXN_OFFSET_COMMIT, ApiKey.ADD_OFFSETS_TO_TXN, ApiKey.ADD_PARTITIONS_TO_TXN, ApiKey.PRODUCE]


@pytest.mark.parametrize(
    ("key", "action"),
    [(ApiKey.END_TXN, action) for action in ENDINGS] + [(key, action) for key in OTHERS for action in QUICK],
)
def test_whatever_happens_to_a_request_each_login_is_written_once(
    key: ApiKey, action: Action, direct: RealCluster, proxied: RealCluster, member: Source, proxy: KafkaProxy
) -> None:
    writer = Writer(proxied, member)
    writer.write()
    rule = proxy.on_request(key, action)

    for _ in range(5):
        writer.write()

    assert rule.wait(0)
    written_in_full(direct, writer, member)


@pytest.mark.parametrize("to_server", [True, False])
def test_a_stall_of_one_direction_amidst_a_transaction_ends_it_and_each_login_is_written_once(
    to_server: bool, direct: RealCluster, proxied: RealCluster, member: Source, proxy: KafkaProxy
) -> None:
    writer = Writer(proxied, member)
    writer.write()

    with on_producing(lambda: proxy.stall(to_server=to_server, to_client=not to_server)), pytest.raises(Unavailable):
        writer.write_once()
    proxy.flow()
    writer.look_up()
    writer.write()

    written_in_full(direct, writer, member)
