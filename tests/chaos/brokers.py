"""Three brokers in three racks, each on a machine of its own, from the properties that production uses."""

import os
import signal
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient

from deploy.local import jars
from deploy.local.brokers import Home, Identity, places
from deploy.local.problem import Problem
from deploy.local.servers import Broker
from tests import stack
from tests.chaos.access import CONTROLLER_PORT, FIRST_PROXY, PORT, PROXIED_PORT, Access, Plaintext
from tests.chaos.frames import Way, ask
from tests.chaos.identities import Identities
from tests.chaos.network import HARNESS, Machine
from tests.secured_kafka import SCRAM

HEAP = "-Xms256m -Xmx384m"
ELECTED_SECONDS = 300.0
REQUEST_SECONDS = 60.0
STARTS = 5  # of a broker that ends again and again


@dataclass
class ChaosBroker(Broker):
    """A broker with the faults that the harness needs, under what systemd would be to it: who ends is started again."""

    ends: list[str] = field(default_factory=list)  # of its processes that nobody killed, each a sentence
    _wanted: bool = False

    def start(self) -> None:
        """Return when it answers; one that ends while starting is started again, a few times."""
        for _ in range(STARTS - 1):
            try:
                super().start()
            except Problem:
                if self.daemon.pid is not None:
                    raise  # it runs, and does not answer: another start would not help
            else:
                return
        super().start()

    def launch(self) -> None:
        """Start it and return at once, and note it if its last process ended by itself."""
        if self._wanted and self.daemon.pid is None:
            self.ends.append(f"broker {self.place.node_id} ended by itself: {self.daemon.last_words()}")
        self._wanted = True
        super().launch()

    def stop(self) -> None:
        """Stop cleanly."""
        self._wanted = False
        super().stop()

    def kill(self) -> None:
        """End it with kill -9."""
        self._wanted = False
        super().kill()

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nobody answers."""
        self.daemon.send(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self.daemon.send(signal.SIGCONT)


class Cluster:
    """The three brokers; `brokers[i]` has the node id i + 1 and stands on `machines[i]`."""

    def __init__(self, directory: Path, *, short_lived: bool = False, plaintext: bool = False) -> None:
        os.environ["KAFKA_HEAP_OPTS"] = HEAP
        folder = jars.jars_folder(stack.ROOT / ".local")
        jars.fetch(folder, directory / "maven.log")
        self.machines = [Machine(f"broker-{node}", 20 + node) for node in (1, 2, 3)]
        addresses = [machine.address for machine in self.machines]
        self.access: Access = Plaintext(addresses) if plaintext else Identities(directory, addresses)
        homes = [Home(machine.address, CONTROLLER_PORT, machine.within) for machine in self.machines]
        self.brokers = [
            ChaosBroker(
                directory / machine.name,
                folder,
                PORT,
                CONTROLLER_PORT,
                _overrides(self.access, place.node_id, machine.address),
                short_lived,
                dies_with_parent=True,
                place=place,
                secured=self.access.secured,
            )
            for machine, place in zip(self.machines, places(homes, Identity.new(len(homes))), strict=True)
        ]

    def start(self) -> None:
        """Return when all three answer; those that run are left alone."""
        for broker in self.brokers:
            broker.launch()
        for broker in self.brokers:
            broker.start()

    def ends(self) -> list[str]:
        """Tell which brokers ended though nobody killed them, each a sentence."""
        return [end for broker in self.brokers for end in broker.ends]

    def stop(self) -> None:
        """End all, however."""
        for broker in self.brokers:
            broker.resume()
            broker.kill()

    def leader(self, topic: str, partition: int) -> int:
        """Which of `brokers` leads a partition; raises LookupError when none does for minutes."""
        deadline = time.monotonic() + ELECTED_SECONDS
        while (leader := self._partitions(topic)[partition].leader) < 0:  # lost a moment ago: another one takes over
            if time.monotonic() > deadline:
                raise LookupError(f"{topic} partition {partition} has no leader")
            time.sleep(0.1)
        return int(leader) - 1

    def group_coordinator(self, group: str) -> int:
        """Which of `brokers` coordinates a consumer group."""
        return self._coordinator("__consumer_offsets", group)

    def transaction_coordinator(self, transactional_id: str) -> int:
        """Which of `brokers` coordinates the transactions of an id."""
        return self._coordinator("__transaction_state", transactional_id)

    def controller(self) -> int:
        """Which of `brokers` leads the controllers."""
        for broker in self.brokers:
            try:
                return _quorum_leader(self.access.way(broker.place.host)) - 1
            except (OSError, struct.error, IndexError):
                continue
        raise LookupError("no broker knows the controllers' leader")

    def _coordinator(self, topic: str, name: str) -> int:
        return self.leader(topic, _java_hash(name) % len(self._partitions(topic)))

    def _partitions(self, topic: str) -> Any:
        asked = AdminClient(dict(self.access.direct()))
        return asked.list_topics(topic, REQUEST_SECONDS).topics[topic].partitions


def _overrides(access: Access, node: int, address: str) -> dict[str, str]:
    ours = access.listeners(address)
    return {
        "listeners": _listed({**ours, "PROXIED": f"{address}:{PROXIED_PORT}"}),
        "advertised.listeners": _listed({**ours, "PROXIED": f"{HARNESS}:{FIRST_PROXY + node - 1}"}),
        "listener.security.protocol.map": ",".join(
            f"{name}:{protocol}" for name, protocol in access.protocols().items()
        ),
        "listener.name.proxied.scram-sha-512.sasl.jaas.config": f"{SCRAM} required;",
        # 50 partitions each by default: a second more until the first commit, more to recover after each kill.
        "offsets.topic.num.partitions": "9",
        "transaction.state.log.num.partitions": "9",
    }


def _listed(listeners: dict[str, str]) -> str:
    return ",".join(f"{name}://{where}" for name, where in listeners.items())


def _java_hash(text: str) -> int:
    """As Kafka finds the partition of a coordinator: String.hashCode without its sign."""
    value = 0
    for letter in text:
        value = (31 * value + ord(letter)) & 0xFFFFFFFF
    return value & 0x7FFFFFFF


def _quorum_leader(way: Way) -> int:
    """DescribeQuorum, version 0, for partition 0 of the cluster's metadata: its leader's id."""
    name = b"__cluster_metadata"
    body = b"\x02" + bytes([len(name) + 1]) + name + b"\x02" + struct.pack(">i", 0) + b"\0" + b"\0" + b"\0"
    request = struct.pack(">hhih", 55, 0, 7, -1) + b"\0" + body
    answer = ask(way, struct.pack(">i", len(request)) + request, seconds=2)
    # size, correlation id, tags, error, topics, name, partitions, then partition, error, leader
    at = 4 + 4 + 1 + 2 + 1 + 1 + len(name) + 1
    _partition, error, leader = struct.unpack(">ihi", answer[at : at + 10])
    if error:
        raise OSError(f"error {error}")
    return int(leader)
