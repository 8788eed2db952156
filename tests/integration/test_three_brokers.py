"""Three brokers in three zones: who reads from where, what lies where, and who is asked when one of them is gone."""

import json
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from msgspec import structs

from deploy.local.brokers import ZONES, Brokers
from processor.errors import Exit, Unavailable
from processor.kafka.client import consumer_properties
from processor.kafka.cluster import Cluster
from processor.settings import KafkaSettings, Settings
from tests import stack
from tests.command import run
from tests.pool import eventually

PARTITIONS = 4
RECORDS = 200


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    made = stack.new_brokers(tmp_path_factory.mktemp("zones"))
    try:
        yield made
    finally:
        for broker in made.each:
            broker.kill()


@pytest.fixture
def brokers(cluster: Brokers) -> Brokers:
    """All of them up, whatever the test before did; after the first time that is for who was killed only."""
    cluster.start()
    return cluster


def test_a_lost_controller_is_not_waited_for(brokers: Brokers) -> None:
    # Given a client that knows a controller
    cluster = Cluster(Settings(kafka=KafkaSettings(client={"bootstrap.servers": brokers.bootstrap})))
    before = eventually("the cluster answers", lambda: _id(cluster))
    known = cluster.client.list_topics(timeout=60).controller_id

    # When that broker is killed
    brokers.each[known - 1].kill()

    # Then the others are asked
    assert eventually("the cluster answers again", lambda: _id(cluster), seconds=300) == before


def test_a_worker_reads_from_the_copy_in_its_own_zone(brokers: Brokers, zoned: Settings) -> None:
    """KIP-392, by the brokers' selector and the workers' client.rack: the client tells which broker it fetches from."""
    stack.create_topics(zoned)
    producer = Producer({**zoned.kafka.client})
    for number in range(RECORDS):
        producer.produce(zoned.topics.input, b"{}", partition=number % PARTITIONS)
    assert producer.flush(300) == 0

    for place in (broker.place for broker in brokers.each):
        assert _read_from(zoned, place.rack) == {place.node_id}

    # Whoever does not say where it is reads from the leaders, wherever they are.
    assert _read_from(zoned, "") == {1, 2, 3}


def test_what_was_created_is_kept_in_all_zones_and_so_are_kafkas_own_topics(
    brokers: Brokers, zoned: Settings, tmp_path: Path
) -> None:
    stack.create_topics(zoned)
    client = AdminClient({"bootstrap.servers": brokers.bootstrap})
    _use_a_group_and_a_transaction(zoned)

    checked = run(zoned, tmp_path, "topics", "check")

    assert (checked.returncode, checked.stdout) == (Exit.OK, "The topics are as the settings say.\n")
    for name in (*stack.topic_names(zoned), "__consumer_offsets", "__transaction_state"):
        partitions = client.list_topics(name, 60).topics[name].partitions.values()
        assert {frozenset(partition.replicas) for partition in partitions} == {frozenset({1, 2, 3})}
        asked = client.describe_configs([ConfigResource("topic", name)], request_timeout=60)
        said = {key: entry.value for key, entry in next(iter(asked.values())).result().items()}
        assert (said["min.insync.replicas"], said["unclean.leader.election.enable"]) == ("2", "false")


def test_copies_that_share_a_zone_though_they_need_not_drift(brokers: Brokers, zoned: Settings, tmp_path: Path) -> None:
    # Given a third broker that moved to the zone of the second, and two copies of each partition
    moved = brokers.each[2]
    before = moved.overrides
    moved.stop()
    moved.overrides = {**before, "broker.rack": ZONES[1]}
    brokers.start()
    two = structs.replace(zoned, topics=structs.replace(zoned.topics, replication_factor=2))
    names = stack.topic_names(two)
    homes = {name: [[1, 2], [3, 1], [1, 3], [2, 1]] for name in names} | {names[0]: [[1, 2], [2, 3], [3, 1], [3, 2]]}
    client = AdminClient({"bootstrap.servers": brokers.bootstrap})
    for made in client.create_topics(
        [NewTopic(name, PARTITIONS, replica_assignment=homes[name]) for name in names]
    ).values():
        made.result(300)

    # When they are compared with the settings
    eventually("the cluster knows of the move", lambda: _racks(zoned) == {ZONES[0], ZONES[1]})
    drifts = json.loads(run(two, tmp_path, "topics", "check", "--json").stdout)["drifts"]

    # Then those that a single zone would take with it are named
    named = {drift["topic"]: drift["problem"] for drift in drifts if "racks" in drift["problem"]}
    assert named.keys() == {names[0]}
    assert named[names[0]].startswith("partitions [1, 3] do not have their copies in 2 racks: reassign them")

    moved.stop()
    moved.overrides = before


def test_starting_a_cluster_that_runs_changes_nothing(brokers: Brokers) -> None:
    pids = [broker.daemon.pid for broker in brokers.each]

    brokers.start()

    assert [broker.daemon.pid for broker in brokers.each] == pids
    assert brokers.running


def test_no_client_is_let_loose_on_lost_brokers_that_the_last_one_goes_on_naming(brokers: Brokers) -> None:
    # Given a client that knows all three, of which one is left, which can't know that the others are not
    cluster = Cluster(Settings(kafka=KafkaSettings(client={"bootstrap.servers": brokers.bootstrap})))
    eventually("the cluster answers", lambda: _id(cluster))
    for broker in brokers.each[1:]:
        broker.kill()
    began = process_time()

    # When it is asked again and again, as a worker's watch does
    asked = refused = 0
    while not refused or asked < 20:
        answer = cluster.ask("user-login").exception(60)
        refused += "who would take the question" in str(answer)
        asked += 1

    # Then it knocks at nobody who is not there: that takes half a second of CPU for each second that it lasts
    assert process_time() - began < asked * 0.1


def test_a_cluster_stops_as_a_whole_without_a_majority_left_to_say_goodbye_to(brokers: Brokers) -> None:
    brokers.stop()

    assert brokers.stopped


@pytest.fixture
def zoned(brokers: Brokers, redis_server: stack.RedisServer, tmp_path: Path) -> Settings:
    """Settings of production: three copies, two of which must have a write."""
    made = stack.new_settings(brokers, redis_server, tmp_path / "run")
    topics = structs.replace(made.topics, partitions=PARTITIONS, replication_factor=3, min_insync_replicas=2)
    return structs.replace(made, topics=topics)


def _read_from(settings: Settings, rack: str) -> set[int]:
    """The brokers that a worker's consumer fetches from, once it has settled: it finds out by a first fetch."""
    placed = {**settings.kafka.client, **({"client.rack": rack} if rack else {})}
    named = structs.replace(settings, kafka=structs.replace(settings.kafka, client=placed))
    told: dict[int, tuple[int, int]] = {}  # partition -> the broker that it is fetched from, and its leader

    def hear(said: str) -> None:
        known: dict[str, Any] = json.loads(said)["topics"].get(settings.topics.input, {"partitions": {}})
        told.update({int(p): (at["broker"], at["leader"]) for p, at in known["partitions"].items() if p != "-1"})

    consumer = Consumer(
        {
            **consumer_properties(named, "test", settings.group),
            "statistics.interval.ms": 100,
            "stats_cb": hear,
        }
    )
    consumer.assign([TopicPartition(settings.topics.input, partition, 0) for partition in range(PARTITIONS)])
    records = 0

    def settled() -> bool:
        nonlocal records
        records += len([message for message in consumer.consume(RECORDS, 0.1) if message.error() is None])
        wanted = [broker for broker, _ in told.values()]
        near = ZONES.index(rack) + 1 if rack else None
        return (
            records == RECORDS
            and len(told) == PARTITIONS
            and all(broker == (near or leader) for broker, leader in told.values())
            and -1 not in wanted
        )

    try:
        eventually(f"a reader in {rack or 'no rack'} has settled, of {told}", settled)
    finally:
        consumer.close()
    return {broker for broker, _ in told.values()}


def _use_a_group_and_a_transaction(settings: Settings) -> None:
    """Kafka makes its own two topics when they are first needed."""
    producer = Producer({**settings.kafka.client, "transactional.id": settings.host})
    producer.init_transactions(300)
    producer.begin_transaction()
    consumer = Consumer({**settings.kafka.client, "group.id": settings.group})
    consumer.subscribe([settings.topics.input])
    eventually("the group has a member", lambda: consumer.poll(0.1) is None and consumer.assignment())
    ends = [TopicPartition(settings.topics.input, 0, 0)]
    producer.send_offsets_to_transaction(ends, consumer.consumer_group_metadata(), 300)
    producer.commit_transaction(300)
    consumer.close()


def _racks(settings: Settings) -> set[str | None]:
    return {broker.rack for broker in Cluster(settings).brokers()}


def _id(cluster: Cluster) -> str | None:
    try:
        return cluster.id()
    except Unavailable:
        return None
