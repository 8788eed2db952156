"""VMs of a test: each with its own network, host name and supervisord; one Kafka and one Redis for all of them."""

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from msgspec import json

from deploy.local import jars
from deploy.local.servers import Broker, Place
from processor.settings import (
    ExporterSettings,
    FlusherSettings,
    KafkaSettings,
    RedisSettings,
    ScalerSettings,
    Settings,
    TopicSettings,
)
from tests import stack
from tests.chaos import network
from tests.chaos.host import Host
from tests.chaos.network import Machine
from tests.pool import eventually

KAFKA_PORT, CONTROLLER_PORT, REDIS_PORT = 9092, 9093, 6379


def in_a_network_of_its_own(test: Callable[..., None]) -> Callable[..., None]:
    """Have a test run in a process of its own, from where nothing outside can be reached, nor the other way round."""

    @functools.wraps(test)
    def run(*arguments: Any, **fixtures: Any) -> None:
        if network.INSIDE in os.environ:
            test(*arguments, **fixtures)
            return
        root = [] if os.geteuid() == 0 else ["--map-root-user"]
        this = f"{sys.modules[test.__module__].__file__}::{test.__name__}"
        inner = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", "-p", "no:xdist", this]
        done = subprocess.run(
            ["unshare", *root, "--net", *inner],
            cwd=stack.ROOT,
            env=os.environ | {network.INSIDE: "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        print(done.stdout, done.stderr)
        assert done.returncode == 0

    return run


class Datacenter:
    """The servers, and the VMs that were started beside them."""

    def __init__(self, folder: Path, partitions: int, scaler: ScalerSettings) -> None:
        self._folder = folder
        self._partitions, self._scaler = partitions, scaler
        kafka, redis = Machine("kafka", 21), Machine("redis", 31)
        jars_folder = jars.jars_folder(stack.ROOT / ".local")
        jars.fetch(jars_folder, folder / "maven.log")
        self.broker = Broker(
            folder / "kafka",
            jars_folder,
            KAFKA_PORT,
            CONTROLLER_PORT,
            stack.BROKER_OVERRIDES,
            short_lived=True,
            dies_with_parent=True,
            place=Place(host=kafka.address, within=kafka.within),
        )
        self.redis = stack.RedisServer(
            folder / "redis",
            REDIS_PORT,
            dies_with_parent=True,
            host=redis.address,
            within=redis.within,
            options=("--protected-mode", "no"),  # no password inside a network that nobody else can reach
        )
        self._machines = [kafka, redis]
        self.hosts: dict[str, Host] = {}

    @property
    def settings(self) -> Settings:
        """Those of the test's own questions."""
        return self._settings(network.HARNESS, "harness")

    def _settings(self, address: str, host: str) -> Settings:
        return Settings(
            host=host,
            # No TLS inside a network that nobody else can reach.
            kafka=KafkaSettings({"bootstrap.servers": self.broker.bootstrap}, plaintext_beyond_loopback=True),
            topics=TopicSettings(partitions=self._partitions),
            redis=RedisSettings(url=self.redis.url, plaintext_beyond_loopback=True),
            flusher=FlusherSettings(interval_seconds=1.0),
            exporter=ExporterSettings(host=address, interval_seconds=1.0, open_beyond_loopback=True),
            scaler=self._scaler,
        )

    def add(self, name: str, slots: int) -> Host:
        """Start a VM, whose pool calls itself by the machine's host name: no setting says one."""
        machine = Machine(name, 11 + len(self.hosts))
        host = Host(machine, self._folder / name, self._settings(machine.address, name), slots)
        file = host.directory / f"{name}.toml"
        file.write_text(file.read_text().replace(f'"host" = "{name}"\n', "", 1))
        self.hosts[name] = host
        host.start()
        return host

    def start(self) -> None:
        """Start the servers, and make the topics."""
        self.broker.start()
        self.redis.start()
        stack.create_topics(self.settings)

    def stop(self) -> None:
        """End everything."""
        for host in self.hosts.values():
            host.crash()
            host.machine.destroy()
        self.broker.kill()
        self.redis.kill()
        for machine in self._machines:
            machine.destroy()


@contextmanager
def datacenter(partitions: int, scaler: ScalerSettings) -> Iterator[Datacenter]:
    """Make one inside a network of the test's own; the logs of its VMs are printed when the test fails."""
    network.lay_bridge()
    with tempfile.TemporaryDirectory(prefix="vms-") as folder:  # a test's path is longer than a Unix socket's may be
        made = Datacenter(Path(folder), partitions, scaler)
        try:
            made.start()
            yield made
        except BaseException:
            for host in made.hosts.values():
                for log in sorted((host.directory / ".local" / "log").glob("*.log")):
                    print(f"--- {host.machine.name} {log.name}\n{log.read_text(errors='replace')[-4000:]}")
            raise
        finally:
            made.stop()


class Offsets:
    """The group's committed offsets as they stand, whatever transaction over them is open."""

    def __init__(self, settings: Settings) -> None:
        self._topic, self._partitions = settings.topics.input, settings.topics.partitions
        own = {"group.id": settings.group, "isolation.level": "read_uncommitted"}  # it never joins
        self._consumer = Consumer({**settings.kafka.client, **own})

    def now(self) -> dict[int, int]:
        """Ask, about every partition."""
        asked = [TopicPartition(self._topic, partition) for partition in range(self._partitions)]
        return {at.partition: at.offset for at in self._consumer.committed(asked, 30)}

    def close(self) -> None:
        self._consumer.close()


@contextmanager
def offsets(settings: Settings) -> Iterator[Offsets]:
    """Look at them for a while."""
    with closing(Offsets(settings)) as looking:
        yield looking


def status(host: Host) -> dict[str, Any]:
    """What `data-processor status` says on a VM; of nobody, while Kafka does not answer it yet."""
    said = host.tool("status", "--json").stdout
    return dict(json.decode(said)) if said else {"hosts": [], "partitions": []}


def workers(host: Host) -> int:
    """How many run there, as supervisord says."""
    return sum(name.startswith("worker") for name in host.pids())


def shared(hosts: dict[Host, int]) -> None:
    """Wait until each VM has so many workers, and as many partitions, as the pool's status says on each of them."""
    wanted = {(host.machine.name, number, number) for host, number in hosts.items()}

    def seen(host: Host) -> bool:
        return {(row["host"], row["workers"], row["partitions"]) for row in status(host)["hosts"]} == wanted

    eventually(f"workers {wanted}", lambda: all(workers(host) == each for host, each in hosts.items()))
    eventually(f"workers and partitions {wanted}", lambda: all(seen(host) for host in hosts))
