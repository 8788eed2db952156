"""A question to the cluster is answered although the broker that used to take it is gone: of three, for once."""

from collections.abc import Iterator
from pathlib import Path
from time import process_time

import pytest

from deploy.local import jars, ports
from deploy.local.servers import Broker, Place, random_id
from processor.errors import Unavailable
from processor.kafka.cluster import Cluster
from processor.settings import KafkaSettings, Settings
from tests import stack
from tests.pool import eventually

LOOPBACK = "127.0.0.1"


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[list[Broker]]:
    folder = jars.jars_folder(stack.ROOT / ".local")
    jars.fetch(folder, tmp_path / "maven.log")
    numbers = ports.pick_free(6)
    votes = tuple(f"{node}@{LOOPBACK}:{numbers[node + 2]}:{random_id()}" for node in (1, 2, 3))
    cluster_id = random_id()
    made = [
        Broker(
            tmp_path / f"broker-{node}",
            folder,
            numbers[node - 1],
            numbers[node + 2],
            stack.BROKER_OVERRIDES,
            short_lived=True,
            dies_with_parent=True,
            place=Place(node, f"zone-{node}", LOOPBACK, votes, cluster_id),
        )
        for node in (1, 2, 3)
    ]
    try:
        for broker in made:
            broker.launch()
        for broker in made:
            broker.start()
        yield made
    finally:
        for broker in made:
            broker.kill()


def test_a_lost_controller_is_not_waited_for(brokers: list[Broker]) -> None:
    # Given a client that knows a controller
    everyone = ",".join(broker.bootstrap for broker in brokers)
    cluster = Cluster(Settings(kafka=KafkaSettings(client={"bootstrap.servers": everyone})))
    before = eventually("the cluster answers", lambda: _id(cluster))
    known = cluster.client.list_topics(timeout=60).controller_id

    # When that broker is killed
    brokers[known - 1].kill()

    # Then the others are asked
    assert eventually("the cluster answers again", lambda: _id(cluster), seconds=300) == before


def test_no_client_is_let_loose_on_lost_brokers_that_the_last_one_goes_on_naming(brokers: list[Broker]) -> None:
    # Given a client that knows all three, of which one is left, which can't know that the others are not
    everyone = ",".join(broker.bootstrap for broker in brokers)
    cluster = Cluster(Settings(kafka=KafkaSettings(client={"bootstrap.servers": everyone})))
    eventually("the cluster answers", lambda: _id(cluster))
    for broker in brokers[1:]:
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


def _id(cluster: Cluster) -> str | None:
    try:
        return cluster.id()
    except Unavailable:
        return None
