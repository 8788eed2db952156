"""A Kafka broker and a Redis as ordinary processes on loopback, for deploy/local and for the tests alike."""

import os
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.daemon import Daemon, last_line
from deploy.local.place import Place, Secured, random_id
from deploy.local.ports import LOOPBACK, kafka_answers, redis_answers
from deploy.local.problem import Problem

DEPLOY = Path(__file__).resolve().parents[1]
BROKER_PROPERTIES = DEPLOY / "kafka" / "broker.properties"
SECURED_PROPERTIES = DEPLOY / "kafka" / "secured.properties"
BROKER_LOGGING = DEPLOY / "kafka" / "log4j2.yaml"
JMX_RULES = DEPLOY / "prometheus" / "jmx.yml"
REDIS_CONF = DEPLOY / "redis" / "redis.conf"
# Modest, as Kafka's own scripts name it; half a gigabyte carries the load of a machine with a few cores.
HEAP = "-Xms256m -Xmx512m"
# 4 s until a broker answers, a Redis at once, but on a busy machine it takes much more.
START_SECONDS = 300.0
# Only the quick one of the JVM's two compilers: a third less work until it is up, more for each request from then on.
SHORT_LIVED = "-XX:TieredStopAtLevel=1"


@dataclass
class Broker:
    """One KRaft broker with its controller: `directory/data` is its log, `directory/log` what it says."""

    directory: Path
    jars: Path
    port: int
    controller_port: int
    overrides: Mapping[str, str] = field(default_factory=dict)  # broker properties, on top of the file's
    short_lived: bool = False  # quick to start, slower at work
    dies_with_parent: bool = False
    place: Place = field(default_factory=Place)
    jmx_port: int | None = None  # where the JMX exporter answers Prometheus, on loopback; None: it is not loaded
    secured: Secured | None = None  # with TLS, logins and rights; None: anybody may do anything

    def __post_init__(self) -> None:
        """Find the process again, where there is one."""
        said = self.directory / "log"
        self.daemon = Daemon(
            "Kafka",
            self.directory / "broker.pid",
            said / "broker.out",
            log=said / "broker.log",
            dies_with_parent=self.dies_with_parent,
        )

    @property
    def bootstrap(self) -> str:
        """What clients need as bootstrap.servers."""
        return f"{self.place.host}:{self.port}"

    def start(self) -> None:
        """Return when it answers; does nothing when it already runs."""
        self.launch()
        self.daemon.wait_until(self._answers, START_SECONDS)

    def launch(self) -> None:
        """Start it and return at once: of a cluster none answers before most are there."""
        if self.daemon.pid is None:
            self._format()
            overrides = [word for key, value in self.overrides.items() for word in ("--override", f"{key}={value}")]
            options = [SHORT_LIVED] if self.short_lived else []
            command = [*self._java("kafka.Kafka", *options, *self._agent()), str(self._properties()), *overrides]
            self.daemon.start([*self.place.within, *command], self.environment(), self.directory)

    def _answers(self) -> bool:
        if self.secured is None:
            return kafka_answers(self.port, self.place.host)
        return kafka_answers(self.secured.port, self.place.host, self.secured.context())

    def _properties(self) -> Path:
        """The file that it reads: Kafka takes one."""
        if self.secured is None:
            return BROKER_PROPERTIES
        both = self.directory / "secured.properties"
        both.write_text(BROKER_PROPERTIES.read_text() + SECURED_PROPERTIES.read_text())
        return both

    def _agent(self) -> list[str]:
        if self.jmx_port is None:
            return []
        jar = next(self.jars.glob("jmx_prometheus_javaagent-*.jar"))
        return [f"-javaagent:{jar}={LOOPBACK}:{self.jmx_port}:{JMX_RULES}"]

    def stop(self) -> None:
        """Stop cleanly: the next start has nothing to recover."""
        self.daemon.stop(seconds=30)

    def kill(self) -> None:
        """End it with kill -9."""
        self.daemon.kill()

    def _format(self) -> None:
        """Give a new directory its cluster id; a formatted one is left as it is."""
        if (self.directory / "data" / "meta.properties").exists():
            return
        self.daemon.output.parent.mkdir(parents=True, exist_ok=True)
        options = [*self.place.format_options(), "--cluster-id", self.place.cluster_id or random_id()]
        tool = self._java("kafka.tools.StorageTool", SHORT_LIVED)
        command = [*tool, "format", "--config", str(self._properties()), *options]
        with self.daemon.output.open("ab") as output:
            done = subprocess.run(command, env=self.environment(), stdout=output, stderr=output, check=False)
        if done.returncode != 0:
            reason = last_line(self.daemon.output)
            raise Problem(f"Kafka's directory {self.directory} was not formatted: {reason} (see {self.daemon.output})")

    def _java(self, main_class: str, *options: str) -> list[str]:
        return [
            "java",
            *os.environ.get("KAFKA_HEAP_OPTS", HEAP).split(),
            *options,
            "-XX:+ExitOnOutOfMemoryError",  # a broker without memory half works, and is fenced much later
            f"-Dkafka.logs.dir={self.directory / 'log'}",
            f"-Dlog4j2.configurationFile={BROKER_LOGGING}",
            "-cp",
            f"{self.jars}/*",
            main_class,
        ]

    def environment(self) -> dict[str, str]:
        """What broker.properties takes from the environment."""
        place = self.place
        return os.environ | {
            "KAFKA_NODE_ID": str(place.node_id),
            "KAFKA_RACK": place.rack,
            "KAFKA_BIND": place.host,
            "KAFKA_HOST": place.host,
            "KAFKA_PORT": str(self.port),
            "KAFKA_CONTROLLER_PORT": str(self.controller_port),
            "KAFKA_CONTROLLERS": place.bootstrap(self.controller_port),
            "KAFKA_DATA": str(self.directory / "data"),
            "KAFKA_REPLICATION": str(place.replication),
            "KAFKA_MIN_IN_SYNC": str(max(1, place.replication - 1)),
            **(self.secured.environment() if self.secured else {}),
        }


@dataclass
class Redis:
    """One Redis: `directory/data` holds its append-only log, `directory/log` what it says."""

    directory: Path
    port: int
    dies_with_parent: bool = False
    host: str = LOOPBACK
    within: tuple[str, ...] = ()  # a command to put before its own: another network namespace, say
    options: tuple[str, ...] = ()  # on top of redis.conf
    ca: Path | None = None  # who signed its certificate, where it speaks TLS
    conf: Path = REDIS_CONF  # a copy where Sentinels may change it: they have each server write down whom it follows

    def __post_init__(self) -> None:
        """Find the process again, where there is one."""
        output = self.directory / "log" / "redis.log"
        self.daemon = Daemon("Redis", self.directory / "redis.pid", output, dies_with_parent=self.dies_with_parent)

    @property
    def url(self) -> str:
        """What clients need as the Redis url."""
        return f"redis{'s' if self.ca else ''}://{self.host}:{self.port}/0"

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self.daemon.pid is not None

    def start(self) -> None:
        """Return when it has loaded its data and answers; does nothing when it already runs."""
        if self.daemon.pid is None:
            data = self.directory / "data"
            data.mkdir(parents=True, exist_ok=True)
            where = ["--bind", self.host, "--port", str(self.port), "--dir", str(data)]
            command = [*self.within, "redis-server", str(self.conf), *where, *self.options]
            self.daemon.start(command, os.environ, self.directory)
        self.daemon.wait_until(lambda: redis_answers(self.port, self.host, self._context()), START_SECONDS)

    def _context(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self.ca) if self.ca else None

    def stop(self) -> None:
        """Stop cleanly: everything is on disk."""
        self.daemon.stop(seconds=30)

    def kill(self) -> None:
        """End it with kill -9."""
        self.daemon.kill()
