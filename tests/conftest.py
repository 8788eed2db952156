"""One broker and one Redis for the whole run; names of its own for each test."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from msgspec import structs

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # deploy/ is not part of the package

from deploy.local.servers import Broker
from processor.settings import FlusherSettings, Settings, TopicSettings
from tests import stack

# A busy machine takes its time: how long an example takes is nothing that a test decides by.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# One process takes a file at a time. These take minutes and begin, one in each process.
FIRST = (
    "test_mutants.py",
    "test_denials.py",
    "test_flink.py",
    "test_restore_command.py",
    "test_reshard.py",
    "test_kafka_rotation.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files: the longest first, those that need no servers last, so that all processes end together."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    if item.path.name in FIRST:
        return FIRST.index(item.path.name)
    return len(FIRST) + (item.path.parent.name == "unit")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Start a broker: `.bootstrap`, `.kill()`, `.stop()`, `.start()`."""
    broker = stack.new_broker(tmp_path_factory.mktemp("kafka"))
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()
        shutil.rmtree(broker.directory / "data", ignore_errors=True)  # its log stays for a look


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.RedisServer]:
    """Start a Redis: `.url`, `.client()`, and the faults of stack.RedisServer."""
    server = stack.new_redis(tmp_path_factory.mktemp("redis"))
    try:
        server.start()
        yield server
    finally:
        server.resume()
        server.stop()


@pytest.fixture
def settings(kafka: Broker, redis_server: stack.RedisServer, tmp_path: Path) -> Settings:
    """Make settings for this test alone; what an earlier test left killed or paused runs again."""
    redis_server.resume()
    redis_server.start()
    kafka.start()
    return stack.new_settings(kafka, redis_server, tmp_path / "run")


@pytest.fixture
def topics(settings: Settings) -> Iterator[TopicSettings]:
    """Make the four topics of this test's settings, as `data-processor topics create` does."""
    stack.create_topics(settings)
    yield settings.topics
    stack.delete_topics(settings)


@pytest.fixture
def quick(settings: Settings, topics: TopicSettings) -> Settings:  # noqa: ARG001 (they exist while it is used)
    """Settings that publish often, so that tests do not wait for it."""
    return structs.replace(
        settings,
        flusher=FlusherSettings(interval_seconds=0.5, lease_seconds=3.0),
        redis=structs.replace(settings.redis, timeout_seconds=1.0),
    )
