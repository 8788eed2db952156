"""The real Kafka and Redis of the tests: started by deploy/local's own code, on free ports and in fresh folders."""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

import redis
from confluent_kafka.admin import AdminClient
from msgspec import to_builtins

from deploy.local import jars, ports, servers
from deploy.local.brokers import ZONES, Brokers, Home, Identity, places
from processor.errors import Unavailable
from processor.kafka import cluster, topics
from processor.settings import ExporterSettings, KafkaSettings, RedisSettings, Settings, TopicSettings

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS = 300.0

BROKER_OVERRIDES = {
    # 50 partitions each by default: a second more until the first commit, and more to recover after each kill.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    # A killed broker may come back after 3 s instead of 6.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "100",
}


class RedisServer(servers.Redis):
    """A Redis with the faults that the tests need."""

    def kill9(self) -> None:
        """End it with kill -9: what was answered is in its log, or in the system's cache of it."""
        self.kill()

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nobody answers."""
        self.daemon.send(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.daemon.send(signal.SIGCONT)

    def flushall(self) -> None:
        """Everything is gone, at once."""
        with self.client() as client:
            client.flushall()

    @contextmanager
    def client(self) -> Iterator["redis.Redis"]:
        """Open a client of the test's own."""
        with closing(redis.Redis.from_url(self.url, decode_responses=True)) as client:
            yield client

    def save(self, folder: Path) -> Path:
        """Copy all that was answered so far, while it runs, to give it to `restore` later."""
        # The append-only log is written before an answer is sent; nothing here is so large that a rewrite begins.
        return Path(shutil.copytree(self._data, folder / uuid4().hex))

    def restore(self, saved: Path) -> None:
        """Killed, set back to `saved`, and started: a Redis that is older than it was."""
        self.kill()
        shutil.rmtree(self._data)
        shutil.copytree(saved, self._data)
        self.start()

    @property
    def _data(self) -> Path:
        return self.directory / "data"


def new_broker(directory: Path) -> servers.Broker:
    """Make a broker that is not started yet; it ends with the tests, even when they are killed."""
    folder = jars.jars_folder(ROOT / ".local")
    jars.fetch(folder, directory / "log" / "maven.log")
    port, controller_port = ports.pick_free(2)
    return servers.Broker(
        directory, folder, port, controller_port, BROKER_OVERRIDES, short_lived=True, dies_with_parent=True
    )


def new_brokers(directory: Path) -> Brokers:
    """Make three brokers in three zones that are not started yet; they end with the tests, even killed ones."""
    folder = jars.jars_folder(ROOT / ".local")
    jars.fetch(folder, directory / "maven.log")
    numbers = ports.pick_free(2 * len(ZONES))
    homes = [Home(ports.LOOPBACK, port) for port in numbers[len(ZONES) :]]
    return Brokers(
        [
            servers.Broker(
                directory / f"broker-{place.node_id}",
                folder,
                port,
                home.controller_port,
                BROKER_OVERRIDES,
                short_lived=True,
                dies_with_parent=True,
                place=place,
            )
            for port, home, place in zip(numbers, homes, places(homes, Identity.new(len(ZONES))), strict=False)
        ]
    )


def new_redis(directory: Path) -> RedisServer:
    """Make a Redis that is not started yet; it ends with the tests, even when they are killed."""
    return RedisServer(directory, ports.pick_free(1)[0], dies_with_parent=True)


def new_settings(kafka: servers.Broker | Brokers, redis_server: RedisServer, run_directory: Path) -> Settings:
    """Make settings whose every name is used by nobody else, so that tests can share one broker and one Redis."""
    unique = uuid4().hex[:8]
    return Settings(
        host=f"host-{unique}",
        group=f"pool-{unique}",
        run_directory=str(run_directory),
        kafka=KafkaSettings(client={"bootstrap.servers": kafka.bootstrap}),
        topics=TopicSettings(
            input=f"user-login-{unique}",
            processed=f"processed-logins-{unique}",
            aggregations=f"user-aggregations-{unique}",
            dead_letters=f"user-login-dead-letters-{unique}",
        ),
        redis=RedisSettings(url=redis_server.url, prefix=f"logins-{unique}"),
        exporter=ExporterSettings(port=ports.pick_free(1)[0], interval_seconds=1.0),
    )


def topic_names(settings: Settings) -> list[str]:
    """All four."""
    topics = settings.topics
    return [topics.input, topics.processed, topics.aggregations, topics.dead_letters]


def create_topics(settings: Settings) -> list[str]:
    """As `data-processor topics create` does, again while a busy broker does not answer in time; which were made."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return topics.create(settings, cluster.Cluster(settings))
        except Unavailable:
            if time.monotonic() > deadline:
                raise


def delete_topics(settings: Settings, only: Sequence[str] = ()) -> None:
    """Delete what a test made: a thousand tests would leave ten thousand partitions."""
    admin = AdminClient({"bootstrap.servers": settings.kafka.client["bootstrap.servers"]})
    for deleted in admin.delete_topics(list(only) or topic_names(settings)).values():
        deleted.exception(timeout=60)  # a topic that the test itself deleted is fine


def environment(settings: Settings, folder: Path) -> dict[str, str]:
    """Make the environment for a `data-processor …` process with these settings: a configuration file in `folder`."""
    path = folder / f"{settings.host}.toml"
    path.write_text("\n".join(_toml([], to_builtins(settings))))
    return os.environ | {"DATA_PROCESSOR_CONFIG": str(path)}


def _toml(path: list[str], table: dict[str, object]) -> Iterator[str]:
    if path:
        yield f"[{'.'.join(path)}]"
    yield from (
        f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.items() if not isinstance(value, dict)
    )
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _toml([*path, json.dumps(key)], value)
