"""How everybody on stage comes to the brokers: here in plaintext, where nobody asks who they are; see identities.py."""

from collections.abc import Sequence
from typing import Protocol

from deploy.local.place import ADMIN, Secured
from deploy.tls.authority import Authority
from processor.settings import KafkaProperties, Settings
from tests.chaos.frames import Way
from tests.chaos.kafka_proxy import KafkaProxy
from tests.chaos.network import HARNESS

PORT, CONTROLLER_PORT, PROXIED_PORT = 9092, 9093, 9094
FIRST_PROXY = 9201  # broker 1's proxy on the harness's machine; those of 2 and 3 follow


class Access(Protocol):
    """What plaintext and secured stages have in common."""

    secured: Secured | None  # what a broker needs of it
    authority: Authority | None  # whom everybody trusts

    def listeners(self, address: str) -> dict[str, str]:
        """By name, where a broker listens: host:port, without its proxy."""

    def protocols(self) -> dict[str, str]:
        """By listener, the security protocol."""

    def direct(self, role: str = ADMIN) -> KafkaProperties:
        """What a client has that speaks to the brokers directly; the harness is the admin."""

    def proxied(self, role: str) -> KafkaProperties:
        """What a process of the pool has that speaks to them by the proxies."""

    def producer(self) -> KafkaProperties:
        """What whoever feeds the input has."""

    def proxies(self) -> list[KafkaProxy]:
        """Make one in front of each broker."""

    def way(self, address: str) -> Way:
        """How the harness asks a broker something without a client."""

    def make_users(self) -> None:
        """Have the brokers know everybody's password."""

    def admit(self, settings: Settings) -> None:
        """Give a pool's roles their rights."""

    def dismiss(self, settings: Settings) -> None:
        """Take them away again."""


class Plaintext:
    """Anybody may do anything."""

    secured: Secured | None = None
    authority: Authority | None = None

    def __init__(self, brokers: Sequence[str]) -> None:
        self._brokers = brokers

    def listeners(self, address: str) -> dict[str, str]:
        """Clients and controllers."""
        return {"CLIENTS": f"{address}:{PORT}", "CONTROLLERS": f"{address}:{CONTROLLER_PORT}"}

    def protocols(self) -> dict[str, str]:
        """Plaintext everywhere."""
        return dict.fromkeys(("CLIENTS", "CONTROLLERS", "PROXIED"), "PLAINTEXT")

    def direct(self, role: str = ADMIN) -> KafkaProperties:  # noqa: ARG002 (nobody asks)
        """All brokers' addresses."""
        return {"bootstrap.servers": servers(self._brokers, PORT)}

    def proxied(self, role: str) -> KafkaProperties:  # noqa: ARG002 (nobody asks)
        """All proxies' addresses."""
        return {"bootstrap.servers": proxied_servers(len(self._brokers))}

    def producer(self) -> KafkaProperties:
        """As everybody."""
        return self.direct()

    def proxies(self) -> list[KafkaProxy]:
        """They read what passes as it is."""
        return [KafkaProxy((HARNESS, FIRST_PROXY + at), (each, PROXIED_PORT)) for at, each in enumerate(self._brokers)]

    def way(self, address: str) -> Way:
        """Without TLS."""
        return Way((address, PORT))

    def make_users(self) -> None:
        """There are none."""

    def admit(self, settings: Settings) -> None:
        """Nobody needs any."""

    def dismiss(self, settings: Settings) -> None:
        """Nobody has any."""


def servers(brokers: Sequence[str], port: int) -> str:
    """All brokers at one port, as clients want to know it."""
    return ",".join(f"{broker}:{port}" for broker in brokers)


def proxied_servers(brokers: int) -> str:
    """All brokers by their proxies."""
    return ",".join(f"{HARNESS}:{FIRST_PROXY + at}" for at in range(brokers))
