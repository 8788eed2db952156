"""deploy/local/up and down in a copy of the checkout, as a person uses them, and the pool through supervisorctl."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from deploy.local import jars, ports
from tests.stack import ROOT

NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".local", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info")
LOGINS = 20_000
# Its own stamp, so that `up` takes the environment for what pip would have made.
MARK = "from deploy.local import package; package.mark_installed(); assert package.is_installed()"


class Checkout:
    """A copy of the checkout with an environment, ports and a state folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.kafka_port, self.redis_port = ports.pick_free(2)
        shutil.copytree(ROOT, root, ignore=NOT_COPIED)
        self._make_environment()

    def _make_environment(self) -> None:
        """Make `.venv` without a network: this interpreter's packages, and the copy's own code before them."""
        venv = self.root / ".venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        site = next(venv.glob("lib/python*/site-packages"))
        (site / "copy.pth").write_text(f"{self.root}\n{sysconfig.get_path('purelib')}\n")
        entries = {"data-processor": "processor.cli", "supervisord": "supervisor.supervisord"}
        entries["supervisorctl"] = "supervisor.supervisorctl"
        for name, module in entries.items():
            script = venv / "bin" / name
            script.write_text(f"#!{venv}/bin/python\nimport sys\nfrom {module} import main\nsys.exit(main())\n")
            script.chmod(0o755)
        subprocess.run([venv / "bin" / "python", "-c", MARK], cwd=self.root, check=True)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a program of the copy by its path, from somewhere else, with nothing helpful in the environment."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DATA_PROCESSOR_")}
        environment["KAFKA_JARS"] = str(jars.jars_folder(ROOT / ".local"))
        return subprocess.run(
            [self.root / command[0], *command[1:]],
            cwd="/",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def up(self, *options: str) -> "subprocess.CompletedProcess[str]":
        return self.run("deploy/local/up", *options)

    def down(self, *options: str) -> "subprocess.CompletedProcess[str]":
        return self.run("deploy/local/down", *options)

    def supervisorctl(self, *command: str) -> list[str]:
        conf = str(self.root / "supervisord.conf")
        return self.run(".venv/bin/supervisorctl", "-c", conf, *command).stdout.splitlines()

    def pids(self) -> dict[str, str]:
        """Each process of the pool that runs, with its pid."""
        words = [line.replace(",", "").split() for line in self.supervisorctl("status")]
        return {line[0]: line[3] for line in words if line[1] == "RUNNING"}

    def logins_counted(self) -> int:
        with closing(redis.Redis(port=self.redis_port)) as client:
            return sum(int(count) for count in client.hvals("{logins:0}:counts"))


@pytest.fixture
def checkout(tmp_path_factory: pytest.TempPathFactory, kafka: object) -> Iterator[Checkout]:  # noqa: ARG001
    # `kafka` has fetched the jars. The name is short, for the path of supervisor's socket may not be long.
    copy = Checkout(tmp_path_factory.mktemp("up") / "here")
    try:
        yield copy
    finally:
        copy.down("--wipe")


def eventually(holds: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.1)


def test_a_stack_comes_up_stays_and_comes_back_with_its_data(checkout: Checkout) -> None:
    options = ["--kafka-port", str(checkout.kafka_port), "--redis-port", str(checkout.redis_port)]
    pool = {"exporter", "flusher", "scaler", "worker:worker-00", "worker:worker-01"}

    # Up: the pool runs and has counted what it was fed.
    first = checkout.up(*options, "--partitions", "2", "--logins", str(LOGINS))
    assert first.returncode == 0, first.stderr
    assert checkout.logins_counted() == LOGINS
    eventually(lambda: checkout.pids().keys() == pool)
    pids = checkout.pids()

    # Up again: nothing changes, and nothing is fed.
    again = checkout.up()
    assert again.returncode == 0, again.stderr
    assert "nothing was changed" in again.stdout
    assert checkout.pids() == pids

    # Other options on a running stack: one line, and nothing changes.
    other = checkout.up("--partitions", "3")
    assert (other.returncode, other.stderr.count("\n")) == (1, 1)
    assert "deploy/local/down" in other.stderr
    assert checkout.pids() == pids

    # supervisorctl works as its users expect; a killed worker comes back.
    assert checkout.supervisorctl("stop", "worker:worker-01") == ["worker:worker-01: stopped"]
    assert checkout.supervisorctl("start", "worker:*") == ["worker:worker-01: started"]
    os.kill(int(checkout.pids()["worker:worker-00"]), signal.SIGKILL)
    eventually(
        lambda: checkout.pids().keys() == pool and checkout.pids()["worker:worker-00"] != pids["worker:worker-00"]
    )

    # Down: nothing runs. Up: the same ports, the same data, no new logins.
    assert checkout.down().returncode == 0
    assert ports.is_free(checkout.kafka_port)
    assert ports.is_free(checkout.redis_port)
    back = checkout.up()
    assert back.returncode == 0, back.stderr
    assert checkout.logins_counted() == LOGINS
    assert checkout.pids().keys() == pool

    # Wiped: only what can be had again is left.
    assert checkout.down("--wipe").returncode == 0
    assert {path.name for path in (checkout.root / ".local").iterdir()} <= {"jars", "lock"}


def test_a_port_in_use_is_one_line_and_nothing_is_left_running(checkout: Checkout) -> None:
    with socket.create_server((ports.LOOPBACK, checkout.kafka_port)):
        refused = checkout.up("--kafka-port", str(checkout.kafka_port), "--redis-port", str(checkout.redis_port))

    assert refused.returncode == 1
    assert refused.stderr == (
        f"up: port {checkout.kafka_port} on 127.0.0.1, for Kafka, is in use: choose another with --kafka-port\n"
    )
    assert ports.is_free(checkout.redis_port)


def test_a_kafka_that_can_not_start_takes_redis_down_again(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_HEAP_OPTS", "-Xmx1k")
    ports_given = ("--kafka-port", str(checkout.kafka_port), "--redis-port", str(checkout.redis_port))

    refused = checkout.up(*ports_given, "--brokers", "3")

    assert refused.returncode == 1
    assert refused.stderr.startswith("up: ")
    assert "heap" in refused.stderr
    assert ports.is_free(checkout.redis_port)
