"""One Kafka broker, or three in three zones that are one cluster: where each stands, and starting and stopping all."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from deploy.local.place import Place, random_id
from deploy.local.servers import Broker

ZONES = ("zone-a", "zone-b", "zone-c")


@dataclass(frozen=True)
class Home:
    """What a broker of a cluster is given: its address, its controller's port, and how to run a command there."""

    host: str
    controller_port: int
    within: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identity:
    """What a cluster is formatted with; kept, so that a start that was interrupted goes on with the same."""

    cluster_id: str
    directories: tuple[str, ...]  # one a broker

    @classmethod
    def new(cls, brokers: int) -> "Identity":
        """Make one that nobody else has."""
        return cls(random_id(), tuple(random_id() for _ in range(brokers)))


def places(homes: Sequence[Home], identity: Identity) -> list[Place]:
    """Give each home its number, from 1 on, and its zone; all controllers vote."""
    votes = tuple(
        f"{node}@{home.host}:{home.controller_port}:{directory}"
        for node, (home, directory) in enumerate(zip(homes, identity.directories, strict=True), 1)
    )
    return [
        Place(node, zone, home.host, votes, identity.cluster_id, home.within)
        for node, (home, zone) in enumerate(zip(homes, ZONES, strict=True), 1)
    ]


class Brokers:
    """A cluster's brokers, started and stopped together."""

    def __init__(self, each: Sequence[Broker]) -> None:
        self.each = list(each)

    @property
    def bootstrap(self) -> str:
        """What clients need as bootstrap.servers."""
        return ",".join(broker.bootstrap for broker in self.each)

    @property
    def running(self) -> bool:
        """Whether all of them run."""
        return all(broker.daemon.pid is not None for broker in self.each)

    @property
    def stopped(self) -> bool:
        """Whether none of them runs."""
        return all(broker.daemon.pid is None for broker in self.each)

    def start(self) -> None:
        """Return when all answer; those that run are left alone."""
        for broker in self.each:
            broker.launch()
        for broker in self.each:
            broker.start()

    def stop(self) -> None:
        """Stop all at once: one after the other, the last would wait for a controller that no majority elects."""
        with ThreadPoolExecutor(len(self.each)) as threads:
            for stopping in [threads.submit(broker.stop) for broker in self.each]:
                stopping.result()
