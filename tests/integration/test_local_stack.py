"""deploy/local/up and down in a copy of the checkout, as a person uses them, and the pool through supervisorctl."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from deploy.local import ports
from deploy.local.brokers import ZONES
from tests.checkout import Checkout, eventually

LOGINS = 20_000


@pytest.fixture
def checkout(tmp_path_factory: pytest.TempPathFactory, kafka: object) -> Iterator[Checkout]:  # noqa: ARG001
    # `kafka` has fetched the jars. The name is short, for the path of supervisor's socket may not be long.
    copy = Checkout(tmp_path_factory.mktemp("up") / "here")
    try:
        yield copy
    finally:
        copy.down("--wipe")


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


def test_three_secured_brokers_come_up_lose_one_and_come_back_with_all_that_was_fed(checkout: Checkout) -> None:
    options = ["--kafka-port", str(checkout.kafka_port), "--redis-port", str(checkout.redis_port), "--partitions", "2"]
    options += ["--secure", "--monitoring", "--prometheus-port", str(ports.pick_free(1)[0])]

    # Up: in three zones, nobody in plaintext, every login counted; and so they stay while a broker is gone.
    first = checkout.up(*options, "--brokers", "3", "--logins", str(LOGINS))
    assert first.returncode == 0, first.stderr
    assert not any(map(ports.is_free, listening(checkout.kafka_port)))
    assert not any(map(ports.kafka_answers, listening(checkout.kafka_port)))
    assert not ports.redis_answers(checkout.redis_port)
    eventually(lambda: "redis_up 1" in page(checkout.kafka_port + 14))
    folders = sorted(path for path in (checkout.root / ".local" / "kafka").iterdir() if path.is_dir())
    assert len(folders) == len(ZONES)
    os.kill(int((folders[0] / "broker.pid").read_text().split()[0]), signal.SIGKILL)
    for process in ("worker:worker-00", "flusher"):
        os.kill(int(checkout.pids()[process]), signal.SIGKILL)
    fed = checkout.tool("generate", "--logins", str(LOGINS))
    assert fed.returncode == 0, fed.stderr
    eventually(lambda: checkout.logins_counted() == 2 * LOGINS)

    # Up again: who is gone is started, with the password that it had, and it is all still there, exactly once.
    os.kill(int((checkout.root / ".local/redis/redis.pid").read_text().split()[0]), signal.SIGKILL)
    secrets = checkout.secrets()
    assert checkout.up().returncode == 0
    assert checkout.secrets() == secrets
    eventually(lambda: checkout.tool("audit", "--full").returncode == 0)
    assert checkout.logins_counted() == 2 * LOGINS

    # Every tool works as the operator that it is, and neither they nor the logs nor any command line show a secret.
    shown = first.stdout + first.stderr + command_lines()
    for tool in (["status"], ["doctor"], ["config"], ["config", "--json"]):
        done = checkout.tool(*tool)
        assert done.returncode == 0, done.stdout + done.stderr
        shown += done.stdout + done.stderr
    shown += "".join(path.read_text(errors="replace") for path in checkout.written())
    assert [role for role, secret in secrets.items() if secret in shown] == []


def listening(first: int) -> list[int]:
    """Of each broker the ports for clients, for other brokers, and for those who come with a certificate."""
    return [first + offset for number in range(3) for offset in (3 * number, 3 * number + 1, 16 + number)]


def page(port: int) -> str:
    with suppress(OSError), urlopen(f"http://{ports.LOOPBACK}:{port}/metrics", timeout=30) as answer:
        return str(answer.read().decode())
    return ""


def command_lines() -> str:
    """Those of all that runs, as anybody on this machine may read them."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            lines.append((process / "cmdline").read_text(errors="replace"))
    return "\n".join(lines)


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
