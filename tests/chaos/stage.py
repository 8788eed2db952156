"""Everything on stage: three brokers, two Redis, two VMs with the pool as shipped, and what watches them."""

import fcntl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

from msgspec import structs

from processor.settings import FlusherSettings, KafkaSettings, Settings, TopicSettings, WorkerSettings
from tests import stack
from tests.chaos import mutants
from tests.chaos.brokers import Cluster
from tests.chaos.generator import Generator
from tests.chaos.host import Host
from tests.chaos.network import HARNESS, Machine
from tests.chaos.proxy import Proxy
from tests.chaos.reader import Reader
from tests.chaos.redises import PORT as REDIS_PORT
from tests.chaos.redises import Redises

REDIS_PROXIES = {"vm-a": 6301, "vm-b": 6302}
DIRECT, PROXIED = "vm-a", "vm-b"  # the VM that speaks to the brokers directly, and the one that goes by the proxies
ZONES = {DIRECT: 0, PROXIED: 1}  # which of the brokers stands in a VM's zone; the third one's has no VM


class Stage:
    """What faults act on. `haste` shortens how long outages last: 1 as FAULTS.md says, less in CI."""

    def __init__(
        self,
        directory: Path,
        seed: int,
        partitions: int = 8,
        haste: float = 1.0,
        load: tuple[float, int] = (1000.0, 5),  # logins a second, milliseconds in which they are gathered
        mutant: str = "",
        *,
        plaintext: bool = False,
    ) -> None:
        self.seed = seed
        self.partitions = partitions  # of user-login, now
        self.grown = False  # whether partitions were added: records of a user may then lie in two of them
        self.haste = haste
        self._drawing, self._drawn = threading.Lock(), list[tuple[Host, str]]()
        self.cluster = Cluster(directory, short_lived=haste < 1, plaintext=plaintext)
        self.redis = Redises(directory, self.cluster.access.authority)
        self.kafka_proxies = self.cluster.access.proxies()
        self.redis_proxies = {
            name: Proxy((HARNESS, port), (self.redis.primary.host, REDIS_PORT)) for name, port in REDIS_PROXIES.items()
        }
        self.hosts = {
            name: Host(Machine(name, 11 + at), directory / name, self.settings(name), partitions // 2)
            for at, name in enumerate((DIRECT, PROXIED))
        }
        ours = self.hosts[DIRECT].settings
        if mutant:
            for host in self.hosts.values():
                host.variables |= mutants.environment(mutant)
        access = self.cluster.access
        self.generator = Generator(access.producer(), ours.topics.input, partitions, seed, load[0], linger=load[1])
        self.reader = Reader(access.direct(), ours.topics.processed)

    def settings(self, host: str) -> Settings:
        """The settings of one VM's pool: production's, but for how often counts are published."""
        access = self.cluster.access
        client = access.proxied("{role}") if host == PROXIED else access.direct("{role}")
        # One VM reads from the copies in its own zone, the other one from leaders, as clients do by default.
        near = {} if host == PROXIED else {"client.rack": self.cluster.brokers[ZONES[DIRECT]].place.rack}
        return Settings(
            host=host,
            kafka=KafkaSettings({**client, **near}, plaintext_beyond_loopback=access.secured is None),
            topics=TopicSettings(partitions=self.partitions, replication_factor=3, min_insync_replicas=2),
            redis=self.redis.settings(REDIS_PROXIES[host], shards=2),
            flusher=FlusherSettings(interval_seconds=1.0, lease_seconds=5.0),
            worker=WorkerSettings(breaker_records=1_000),
        )

    @property
    def direct(self) -> Settings:
        """For the harness's own questions: leaders and the now-primary Redis, without a proxy."""
        ours = self.settings(DIRECT)
        kafka = KafkaSettings(self.cluster.access.direct(), plaintext_beyond_loopback=True)
        return structs.replace(ours, kafka=kafka, redis=structs.replace(ours.redis, url=self.redis.primary.url))

    def hold(self, seconds: float) -> None:
        """Let a fault last."""
        time.sleep(seconds * self.haste)

    def lead_to(self, name: str) -> None:
        """Lead a VM's Redis connections to the now-primary; those that it has are cut."""
        proxy = self.redis_proxies[name]
        proxy.upstream = (self.redis.primary.host, REDIS_PORT)
        proxy.reset_connections()

    def workers(self) -> list[tuple[Host, str]]:
        """Every worker there should be."""
        return [(host, f"worker-{slot:02d}") for host in self.hosts.values() for slot in range(host.workers)]

    @contextmanager
    def worker(self, dice: Random) -> Iterator[tuple[Host, str]]:
        """One worker that no other fault has; there are more of them than faults at the same time."""
        with self._drawing:
            drawn = dice.choice([each for each in self.workers() if each not in self._drawn])
            self._drawn.append(drawn)
        try:
            yield drawn
        finally:
            self._drawn.remove(drawn)

    def progress(self, since: float, partitions: frozenset[int], patience: float) -> float | None:
        """Seconds from `since` (wall clock) until each of these partitions had a record processed after it; None: not.

        What was processed later than `since` was read, decoded and committed after it.
        """
        deadline = time.time() + patience
        while time.time() < deadline:
            if self.reader.progressed(since, set(partitions)) >= partitions:
                return max(0.0, time.time() - since)
            time.sleep(0.02)
        return None

    def heal(self) -> None:
        """Whatever a fault left: all machines up and plugged, all processes running, all proxies flowing."""
        for machine in (*self.cluster.machines, *self.redis.machines, *(h.machine for h in self.hosts.values())):
            machine.heal()
        for broker in self.cluster.brokers:
            broker.resume()
        self.cluster.start()
        self.redis.start()
        for proxy in (*self.kafka_proxies, *self.redis_proxies.values()):
            proxy.flow()


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other stage is set on this machine: two would only show how slow each makes the other."""
    with (Path(tempfile.gettempdir()) / "data-processor-chaos.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def stage(
    directory: Path,
    seed: int,
    partitions: int = 8,
    haste: float = 1.0,
    load: tuple[float, int] = (1000.0, 5),
    mutant: str = "",
    *,
    plaintext: bool = False,
) -> Iterator[Stage]:
    """Set the stage, with the pool at work; everything ends with the block."""
    with _alone(), ExitStack() as ending:
        made = Stage(directory, seed, partitions, haste, load, mutant, plaintext=plaintext)
        for part in (made.cluster, made.redis, *made.kafka_proxies, *made.redis_proxies.values()):
            ending.callback(part.stop)
            part.start()
        made.cluster.access.make_users()
        made.cluster.access.admit(made.direct)
        stack.create_topics(made.direct)
        for part in (*made.hosts.values(), made.reader, made.generator):
            ending.callback(part.stop)
            part.start()
        yield made
