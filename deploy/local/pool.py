"""The pool of this stack: its configuration file, its supervisord, and its tools."""

import json
import os
import socket
import subprocess
from contextlib import closing
from pathlib import Path

from deploy.local.brokers import ZONES
from deploy.local.daemon import Daemon
from deploy.local.package import program
from deploy.local.ports import LOOPBACK
from deploy.local.problem import Problem
from deploy.local.state import CONFIG, LOG, REDIS_SECRETS, ROOT, RUN, SECRETS, TLS, Options
from deploy.redis.users import password_file

SUPERVISORD_CONF = ROOT / "supervisord.conf"
# A drain may take supervisord.conf's stopwaitsecs (20 s); the workers are all asked at once.
STOP_SECONDS = 40.0
# What the configuration file says of this stack, no variable from the caller's environment may change.
_OURS = (
    *("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_CLIENT_RACK", "REDIS_URL", "RUN_DIRECTORY", "EXPORTER_PORT"),
    *("KAFKA_SECURITY_PROTOCOL", "KAFKA_SASL_MECHANISMS", "KAFKA_SASL_USERNAME", "KAFKA_SSL_CA_LOCATION"),
    *("KAFKA_SASL_PASSWORD", "KAFKA_SASL_PASSWORD_FILE"),
    *("REDIS_CA_FILE", "REDIS_CERTIFICATE_FILE", "REDIS_KEY_FILE", "REDIS_SENTINELS", "REDIS_CLUSTER"),
    *("REDIS_USERNAME", "REDIS_PASSWORD", "REDIS_PASSWORD_FILE"),
    *("TOPICS_PARTITIONS", "TOPICS_REPLICATION_FACTOR", "TOPICS_MIN_INSYNC_REPLICAS"),
)


def configure(options: Options) -> None:
    """Write the configuration file of this stack; all that it does not name has its default."""
    bootstrap = ",".join(f"{LOOPBACK}:{port}" for port in options.broker_ports)
    place = f'"client.rack" = "{ZONES[0]}"\n' if options.brokers > 1 else ""
    copies, in_sync = (3, 2) if options.brokers > 1 else (1, 1)
    CONFIG.write_text(
        "# Written by deploy/local/up at each start.\n"
        f"run_directory = {json.dumps(str(RUN))}\n\n"
        f'[kafka]\n"bootstrap.servers" = "{bootstrap}"\n{place}{_login(options)}\n'
        f"[topics]\npartitions = {options.partitions}\n"
        f"replication_factor = {copies}\nmin_insync_replicas = {in_sync}\n\n"
        f"[redis]\n{_counts(options)}\n"
        f"[exporter]\nport = {options.exporter_port}\n"
    )


def _login(options: Options) -> str:
    """Each process logs in as its role."""
    if not options.secure:
        return ""
    return (
        '"security.protocol" = "SASL_SSL"\n"sasl.mechanisms" = "SCRAM-SHA-512"\n"sasl.username" = "{role}"\n'
        f'"sasl.password.file" = {json.dumps(str(SECRETS / "{role}"))}\n'
        f'"ssl.ca.location" = {json.dumps(str(TLS / "ca.pem"))}\n'
    )


def _counts(options: Options) -> str:
    """Where Redis is, and as whom each process comes there."""
    if not options.secure:
        return f'url = "redis://{LOOPBACK}:{options.redis_port}/0"\n'
    return (
        f'url = "rediss://{LOOPBACK}:{options.redis_port}/0"\nca_file = {json.dumps(str(TLS / "ca.pem"))}\n'
        f'username = "{{role}}"\npassword_file = {json.dumps(str(password_file(REDIS_SECRETS, "{role}")))}\n'
    )


def environment(options: Options) -> dict[str, str]:
    """Make the environment of supervisord and of the tools: what is set for the pool, pointed at this stack."""
    kept = {name: value for name, value in os.environ.items() if name not in {f"DATA_PROCESSOR_{our}" for our in _OURS}}
    return kept | {"DATA_PROCESSOR_CONFIG": str(CONFIG), "WORKERS": str(options.partitions)}


def watch(options: Options) -> None:
    """Show the pool at work until it has caught up."""
    done = subprocess.run(
        [program("python"), "-m", "deploy.local.watching"], env=environment(options), cwd=ROOT, check=False
    )
    if done.returncode != 0:
        raise Problem(f"the stack is running, but the pool is not well; what each process says is in {LOG}")


def tool(
    options: Options, *arguments: str, capture: bool = False, config: Path = CONFIG
) -> "subprocess.CompletedProcess[str]":
    """Run `data-processor …` against this stack; its output goes to the terminal, or into the answer."""
    output = subprocess.PIPE if capture else None
    command = [program("data-processor"), "--config", str(config), *arguments]
    return subprocess.run(
        command, env=environment(options), cwd=ROOT, text=True, stdout=output, stderr=output, check=False
    )


def create_topics(options: Options) -> None:
    """Make the topics that are missing."""
    done = tool(options, "topics", "create", capture=True)
    if done.returncode != 0:
        raise Problem(f"the topics could not be made: {(done.stderr or done.stdout).strip()}")


def feed(options: Options, logins: int) -> None:
    """Send made-up logins, with the tool's own progress bar."""
    done = tool(options, "generate", "--logins", str(logins))
    if done.returncode != 0:
        raise Problem(f"the logins were not all sent (exit code {done.returncode}); the stack is running")


class Supervisor:
    """supervisord with the workers, the flusher and the exporter."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self.daemon = Daemon("supervisord", RUN / "up.pid", LOG / "supervisord.out")

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self.daemon.pid is not None

    def start(self) -> None:
        """Return when it takes commands; does nothing when it already runs."""
        if self.daemon.pid is None:
            # In the foreground of its own session and silent: it has a log file, which rotates.
            command = [program("supervisord"), "--nodaemon", "--silent", "--configuration", str(SUPERVISORD_CONF)]
            self.daemon.start(command, environment(self._options), ROOT)
        self.daemon.wait_until(self._listens, seconds=30)

    def stop(self) -> None:
        """Let all workers drain, then end."""
        self.daemon.stop(STOP_SECONDS)

    def _listens(self) -> bool:
        with closing(socket.socket(socket.AF_UNIX)) as connection:
            return connection.connect_ex(str(RUN / "supervisor.sock")) == 0
