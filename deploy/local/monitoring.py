"""Prometheus, Alertmanager and the exporters beside the pool's own, as ordinary processes on loopback."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local import state
from deploy.local.daemon import Daemon
from deploy.local.ports import LOOPBACK, http_answers
from deploy.local.servers import DEPLOY
from deploy.local.state import Options

PROMETHEUS = DEPLOY / "prometheus"
MONITOR = "monitor"  # redis_exporter, in deploy/redis/users.acl
_START_SECONDS = 120.0  # each is there within a second, but on a busy machine
_RETENTION = "--storage.tsdb.retention.time=15d"


@dataclass
class Program:
    """One of the programs: what it is started with, and the path at which it answers when it is ready."""

    name: str
    command: Sequence[str]
    port: int
    ready: str

    def __post_init__(self) -> None:
        """Find the process again, where there is one."""
        self.daemon = Daemon(self.name, state.RUN / f"{self.name}.pid", state.LOG / f"{self.name}.log")

    def start(self) -> None:
        """Return when it answers; does nothing when it already runs."""
        if self.daemon.pid is None:
            self.daemon.start(self.command, os.environ, state.MONITORING)
        self.daemon.wait_until(lambda: http_answers(self.port, self.ready), _START_SECONDS)


class Monitoring:
    """All of them, started and stopped together. `configuration` holds prometheus.yml, alertmanager.yml and rules/."""

    def __init__(self, options: Options, configuration: Path = PROMETHEUS) -> None:
        self._options = options
        self._configuration = configuration
        self.each = programs(options)

    @property
    def running(self) -> bool:
        """Whether all of them run."""
        return all(program.daemon.pid is not None for program in self.each)

    @property
    def stopped(self) -> bool:
        """Whether none of them runs."""
        return all(program.daemon.pid is None for program in self.each)

    def start(self) -> None:
        """Return when all answer; those that run are left alone."""
        self._configure()
        for program in self.each:
            program.start()

    def stop(self) -> None:
        """Stop all of them, Prometheus first: it misses nobody then."""
        for program in reversed(self.each):
            program.daemon.stop(seconds=20)

    def _configure(self) -> None:
        """Link the very files of the configuration, and write beside them who is scraped here."""
        targets = state.MONITORING / "targets"
        targets.mkdir(parents=True, exist_ok=True)
        for name in ("prometheus.yml", "alertmanager.yml", "rules"):
            link = state.MONITORING / name
            link.unlink(missing_ok=True)
            link.symlink_to(self._configuration / name)
        for job, (addresses, labels) in scraped(self._options).items():
            listed = [{"targets": [f"{LOOPBACK}:{port}" for port in addresses], "labels": labels}]
            (targets / f"{job}.yml").write_text(json.dumps(listed) + "\n")  # JSON is YAML


def programs(options: Options) -> list[Program]:
    """Describe each program, in the order in which they start; they may or may not run."""
    ports = Ports.of(options)
    listen = {name: f"{LOOPBACK}:{port}" for name, port in ports.named.items()}
    folder = state.MONITORING
    node = ["prometheus-node-exporter", f"--web.listen-address={listen['node']}"]
    redis = ["prometheus-redis-exporter", *_of_redis(options)]
    alertmanager = [
        "prometheus-alertmanager",
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={listen['alertmanager']}",
        "--cluster.listen-address=",  # alone: it need not look for others
    ]
    prometheus = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        _RETENTION,
        f"--web.listen-address={listen['prometheus']}",
    ]
    return [
        Program("node-exporter", node, ports.node, "/"),
        Program("redis-exporter", [*redis, f"-web.listen-address={listen['redis']}"], ports.redis, "/"),
        Program("alertmanager", alertmanager, ports.alertmanager, "/-/ready"),
        Program("prometheus", prometheus, ports.prometheus, "/-/ready"),
    ]


def _of_redis(options: Options) -> list[str]:
    server = f"{LOOPBACK}:{options.redis_port}"
    if not options.secure:
        return [f"-redis.addr=redis://{server}"]
    return [
        *(f"-redis.addr=rediss://{server}", f"-redis.user={MONITOR}"),
        *(f"-redis.password-file={state.MONITOR_PASSWORDS}", f"-tls-ca-cert-file={state.TLS / 'ca.pem'}"),
        "-config-command=-",  # it may not ask for the configuration, and need not
    ]


@dataclass(frozen=True)
class Ports:
    """Where each program answers; all but Prometheus itself after the brokers' JMX exporters."""

    node: int
    redis: int
    alertmanager: int
    prometheus: int

    @classmethod
    def of(cls, options: Options) -> "Ports":
        """Those of a stack."""
        first = options.kafka_port + 13
        return cls(first, first + 1, first + 2, options.prometheus_port)

    @property
    def named(self) -> dict[str, int]:
        """Each by the name of its program."""
        return dict(vars(self))


def scraped(options: Options) -> dict[str, tuple[Sequence[int], Mapping[str, str]]]:
    """Whom Prometheus asks here, by job: ports and labels; and where alerts go."""
    ports = Ports.of(options)
    return {
        "data-processor": ([options.exporter_port], {}),
        "kafka": (options.jmx_ports, {}),
        "redis": ([ports.redis], {}),
        "node": ([ports.node], {"role": "kafka"}),  # broker and pool have one disk here
        "prometheus": ([ports.prometheus], {}),
        "alertmanager": ([ports.alertmanager], {}),
    }
