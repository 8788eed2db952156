"""The tests' own Kafka and Redis: their faults are real ones."""

import tomllib
from pathlib import Path

import pytest
import redis
from confluent_kafka.admin import AdminClient

from deploy.local.servers import Broker
from processor.settings import Settings
from tests.stack import RedisServer, environment


def topics_of(kafka: Broker) -> set[str]:
    return set(AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=60).topics)


@pytest.mark.usefixtures("topics")
def test_a_broker_killed_and_started_again_has_its_topics(kafka: Broker, settings: Settings) -> None:
    kafka.kill()
    kafka.start()

    assert settings.topics.input in topics_of(kafka)


def test_a_redis_killed_and_started_again_has_what_it_answered(redis_server: RedisServer) -> None:
    with redis_server.client() as client:
        client.set("answered", "yes")

    redis_server.kill9()
    redis_server.start()

    with redis_server.client() as client:
        assert client.get("answered") == "yes"


def test_a_restored_redis_is_as_old_as_the_copy(redis_server: RedisServer, tmp_path: Path) -> None:
    with redis_server.client() as client:
        client.set("age", "old")
        saved = redis_server.save(tmp_path)
        client.set("age", "new")

    redis_server.restore(saved)

    with redis_server.client() as client:
        assert client.get("age") == "old"


def test_a_paused_redis_is_reachable_but_silent(redis_server: RedisServer) -> None:
    client = redis.Redis.from_url(redis_server.url, socket_timeout=0.2, retry=None)
    redis_server.pause()
    try:
        with pytest.raises(redis.TimeoutError):
            client.ping()
    finally:
        redis_server.resume()
        client.close()


def test_a_process_of_ours_gets_exactly_the_tests_settings(settings: Settings, tmp_path: Path) -> None:
    path = Path(environment(settings, tmp_path)["DATA_PROCESSOR_CONFIG"])

    written = tomllib.loads(path.read_text())

    assert written["kafka"]["client"]["bootstrap.servers"] == settings.kafka.client["bootstrap.servers"]
    assert written["redis"]["prefix"] == settings.redis.prefix
    assert written["worker"]["accept_gap"] is False
