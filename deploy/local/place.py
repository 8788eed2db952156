"""Where a Kafka broker stands, and how its connections are secured."""

import ssl
import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path

from deploy.local.ports import LOOPBACK

ADMIN = "admin"  # the super user of deploy/kafka/secured.properties


@dataclass(frozen=True)
class Place:
    """Where a broker stands: alone on loopback, unless told otherwise."""

    node_id: int = 1
    rack: str = "local"
    host: str = LOOPBACK
    controllers: tuple[str, ...] = ()  # all of a cluster, each as id@host:port:directory-id; none: it is alone
    cluster_id: str = ""  # the same for all of a cluster; made up for one alone
    within: tuple[str, ...] = ()  # a command to put before its own: another network namespace, say

    @property
    def replication(self) -> int:
        """Copies of each partition: one a broker, at most three."""
        return min(3, len(self.controllers) or 1)

    def bootstrap(self, controller_port: int) -> str:
        """Where the controllers are, as brokers want to know it."""
        if not self.controllers:
            return f"{self.host}:{controller_port}"
        return ",".join(":".join(each.partition("@")[2].split(":")[:2]) for each in self.controllers)

    def format_options(self) -> list[str]:
        """What StorageTool is told: whose votes count."""
        return ["--initial-controllers", ",".join(self.controllers)] if self.controllers else ["--standalone"]


@dataclass(frozen=True)
class Secured:
    """A broker's secured listeners: its folder of certificates, and the port for whoever comes with one."""

    folder: Path
    port: int

    def environment(self) -> dict[str, str]:
        """What secured.properties takes from the environment."""
        return {"KAFKA_TLS": str(self.folder), "KAFKA_CERTIFICATE_PORT": str(self.port)}

    def context(self) -> ssl.SSLContext:
        """TLS as the admin, to ask the broker whether it is up."""
        context = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        context.load_cert_chain(self.folder / f"{ADMIN}.pem")
        return context

    def client(self, host: str, name: str = ADMIN) -> dict[str, str | int | float | bool]:
        """The properties of a client that comes with that certificate."""
        own = str(self.folder / f"{name}.pem")
        return {
            "bootstrap.servers": f"{host}:{self.port}",
            "security.protocol": "SSL",
            "ssl.ca.location": str(self.folder / "ca.pem"),
            "ssl.certificate.location": own,
            "ssl.key.location": own,
        }


def random_id() -> str:
    """Make one as Kafka does: none begins with a dash, which its tools would take for an option."""
    made = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return random_id() if made.startswith("-") else made
