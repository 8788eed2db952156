"""The state folder `.local`: all that a local stack writes, but for `.venv`; and how the stack in it was asked for."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local.brokers import Identity
from deploy.local.problem import Problem

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".local"
KAFKA = FOLDER / "kafka"
REDIS = FOLDER / "redis"
LOG = FOLDER / "log"
RUN = FOLDER / "run"
MONITORING = FOLDER / "monitoring"
JARS = FOLDER / "jars"
TLS = FOLDER / "tls"
SECRETS = FOLDER / "secrets"
REDIS_SECRETS = SECRETS / "redis"
MONITOR_PASSWORDS = REDIS_SECRETS / "monitor.json"  # as redis_exporter reads it
CONFIG = FOLDER / "data-processor.toml"
ADMIN_CONFIG = FOLDER / "admin.toml"
_OPTIONS = FOLDER / "stack.json"
_LOCK = FOLDER / "lock"

SOCKET_PATH_BYTES = 107  # of a Unix socket (unix(7))


@dataclass(frozen=True)
class Options:
    """How a stack was asked for; kept with its data, so that it comes back the same."""

    kafka_port: int = 9092
    redis_port: int = 6379
    partitions: int = 4
    brokers: int = 1
    monitoring: bool = False  # with Prometheus, Alertmanager and the exporters that it scrapes
    prometheus_port: int = 9090
    secure: bool = False  # with TLS, users and rights
    fed: bool = False  # whether the first logins were sent

    def __str__(self) -> str:
        """As the command line says it."""
        ports = f"--kafka-port {self.kafka_port} --redis-port {self.redis_port}"
        monitoring = f" --monitoring --prometheus-port {self.prometheus_port}" if self.monitoring else ""
        secure = " --secure" if self.secure else ""
        return f"{ports} --partitions {self.partitions} --brokers {self.brokers}{monitoring}{secure}"

    @property
    def broker_ports(self) -> list[int]:
        """Where each broker listens; its controller listens at the port after it."""
        return [self.kafka_port + (3 * number) for number in range(self.brokers)]

    @property
    def exporter_port(self) -> int:
        """Where the exporter answers: two ports after the first broker's."""
        return self.kafka_port + 2

    @property
    def jmx_ports(self) -> list[int]:
        """Where each broker answers Prometheus, when there is one: from ten ports after the first broker's on."""
        return [self.kafka_port + 10 + number for number in range(self.brokers)]

    @property
    def certificate_ports(self) -> list[int]:
        """Where each broker takes those who come with a certificate, when it is secured."""
        return [self.kafka_port + 16 + number for number in range(self.brokers)]


def prepare() -> None:
    """Make the folder; with STATE_DIRECTORY in the environment, `.local` becomes a link to that."""
    elsewhere = os.environ.get("STATE_DIRECTORY")
    if elsewhere and not FOLDER.exists():
        Path(elsewhere).mkdir(parents=True, exist_ok=True)
        FOLDER.symlink_to(Path(elsewhere).resolve())
    if elsewhere and FOLDER.resolve() != Path(elsewhere).resolve():
        raise Problem(f"STATE_DIRECTORY is {elsewhere}, but {FOLDER} is in use already: move it there, or unset it")
    # Supervisor adds its pid to the socket's name for a moment.
    if len(os.fsencode(RUN / "supervisor.sock.1234567")) > SOCKET_PATH_BYTES:
        raise Problem(f"the path {ROOT} is too long for supervisor's socket: put the checkout nearer to the root")
    for folder in (FOLDER, LOG, RUN):
        folder.mkdir(exist_ok=True)


@contextmanager
def locked() -> Iterator[None]:
    """Keep a second `up` or `down` out while one is at work."""
    with _LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem("another deploy/local/up or down is at work here: wait until it has ended") from None
        yield


def saved_options() -> Options | None:
    """Read how the stack whose data lies here was asked for; None when there is no data."""
    return Options(**json.loads(_OPTIONS.read_text())) if _OPTIONS.exists() else None


def save(options: Options) -> None:
    """Keep them with the data."""
    _OPTIONS.write_text(json.dumps(asdict(options)) + "\n")


def identity(brokers: int) -> Identity:
    """Read what the brokers here were formatted with; made up, and kept with their data, where there are none yet."""
    kept = KAFKA / "cluster.json"
    if not kept.exists():
        KAFKA.mkdir(exist_ok=True)
        kept.write_text(json.dumps(asdict(Identity.new(brokers))) + "\n")
    said = json.loads(kept.read_text())
    return Identity(said["cluster_id"], tuple(said["directories"]))


def wipe() -> None:
    """Remove data, logs and configuration; the jars stay, since they are only a download."""
    for folder in (KAFKA, REDIS, MONITORING, TLS, SECRETS, LOG, RUN):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (CONFIG, ADMIN_CONFIG, _OPTIONS):
        file.unlink(missing_ok=True)
