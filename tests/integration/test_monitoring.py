"""`up --monitoring` under load: every query returns data, and each alert fires for its fault, for no other, and stops.

The rules are those that are shipped, with their minutes made seconds: a fault lasts as long as it takes to be told of.
"""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from deploy.grafana.boards import BOARDS
from deploy.local.ports import LOOPBACK, pick_free
from deploy.local.servers import Redis
from tests.checkout import Checkout, eventually

SECONDS_A_MINUTE = 4
# Lags that would take minutes to come about: as told by LoginLagTooLong, and by the alerts that speak of a minute.
QUICK = {"> 120": "> 8", "> 60": "> 5", "< 60": "< 4", "< 30": "< 2", "scrape_interval: 15s": "scrape_interval: 1s"} | {
    "evaluation_interval: 15s": "evaluation_interval: 1s"
}
# What this machine may be short of all by itself.
OF_THE_MACHINE = {"HostRunningOutOfMemory", "HostClockIsOff"}
# Of the last ten minutes, which are 40 s here: what a fault before has left in there is not the next one's.
LATER = {"LoginRebalanceStorm", "LoginProducersReplaced", "LoginProcessKeepsDying", "LoginDeadLetters"}
STANDING = {"LoginLagTooLong", "LoginNoProgress"}
# Of exporters that can't be had here, and what a pool with all its slots at work does not say.
NOT_HERE = {"kafka_consumergroup_lag", "kminion_kafka_consumer_group_topic_lag", "login_scaler_workers"}
RATE = "40"  # logins a second, all the time


class Monitored:
    """A stack with its Prometheus, and what can be done to it."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        self.prometheus_port = pick_free(1)[0]
        for path in (checkout.root / "deploy" / "prometheus").rglob("*.yml"):
            path.write_text(quickened(path.read_text()))
        checkout.environment = {
            "DATA_PROCESSOR_EXPORTER_INTERVAL_SECONDS": "1",
            "DATA_PROCESSOR_WORKER_BATCH_RECORDS": "1",  # a transaction a login: a few hundred a second are too many
            "DATA_PROCESSOR_FLUSHER_INTERVAL_SECONDS": "1",
        }
        self.options = ["--kafka-port", str(checkout.kafka_port), "--redis-port", str(checkout.redis_port)]
        self.options += ["--prometheus-port", str(self.prometheus_port), "--partitions", "2", "--monitoring"]

    def up(self, logins: int) -> None:
        done = self.checkout.up(*self.options, "--logins", str(logins))
        assert done.returncode == 0, done.stdout + done.stderr

    @contextmanager
    def fed(self, rate: str, malformed: str = "0") -> Iterator[None]:
        """Logins all the time."""
        tool = self.checkout.root / ".venv/bin/data-processor"
        config = {"DATA_PROCESSOR_CONFIG": str(self.checkout.root / ".local/data-processor.toml")}
        command = [tool, "generate", "--rate", rate, "--seconds", "900", "--malformed", malformed]
        feeder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            env=os.environ | config,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            feeder.kill()
            feeder.wait()

    def asked(self, path: str, **parameters: str) -> dict[str, object]:
        url = f"http://{LOOPBACK}:{self.prometheus_port}/api/v1/{path}?{urlencode(parameters)}"
        with urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]

    def samples(self, query: str) -> list[object]:
        return self.asked("query", query=query)["result"]

    def firing(self) -> set[str]:
        """The alerts that fire now; of disks only the small one's, for the machine's own may be full."""
        alerts = [each["labels"] for each in self.asked("alerts")["alerts"] if each["state"] == "firing"]
        own = [each for each in alerts if "mountpoint" not in each or "small-disk" in each["mountpoint"]]
        return {each["alertname"] for each in own} - OF_THE_MACHINE

    def fires(self, name: str, *others: str) -> None:
        """Wait until an alert fires; only these others may."""
        eventually(lambda: name in self.firing())
        assert self.firing() <= {name, *others, *LATER}

    def clears(self) -> None:
        """Wait until everything is quiet again."""
        eventually(lambda: not self.firing())

    def worker(self, slot: int) -> int:
        return int(self.checkout.pids()[f"worker:worker-{slot:02d}"])


def quickened(text: str) -> str:
    """Make a rule's minutes seconds, and its thresholds those of a fault that lasts seconds."""
    for slow, quick in QUICK.items():
        text = text.replace(slow, quick)
    return re.sub(r"(?<=[\[ ])(\d+)m\b", lambda found: f"{int(found[1]) * SECONDS_A_MINUTE}s", text)


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether it comes about so soon."""
    deadline = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return held


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory, kafka: object) -> Iterator[Monitored]:  # noqa: ARG001 (has the jars)
    made = Monitored(Checkout(tmp_path_factory.mktemp("up") / "here"))
    try:
        made.up(logins=200)
        with made.fed(RATE, malformed="0.005"):
            eventually(
                lambda: bool(made.samples("login:age_seconds:p99_5m")) and bool(made.samples("login:appended:rate1m"))
            )
            made.clears()
            yield made
    finally:
        made.checkout.down("--wipe")


def test_every_target_answers_and_every_recorded_rule_has_data(pool: Monitored) -> None:
    eventually(lambda: {each["health"] for each in pool.asked("targets")["activeTargets"]} == {"up"})
    rules = [rule for group in pool.asked("rules")["groups"] for rule in group["rules"]]
    recorded = [rule["name"] for rule in rules if rule["type"] == "recording"]
    eventually(lambda: all(pool.samples(name) for name in recorded))
    rules = [rule for group in pool.asked("rules")["groups"] for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}


def test_every_metric_that_an_alert_reads_is_there(pool: Monitored) -> None:
    rules = [rule for group in pool.asked("rules")["groups"] for rule in group["rules"] if rule["type"] == "alerting"]
    named = {
        name
        for rule in rules
        for name in re.findall(r"\b(?:login|kafka|redis|node|up)\w*\b(?=[{\[ )]|$)", rule["query"])
    }
    metrics = {name for name in named if "_" in name or name == "up"} - NOT_HERE
    assert [name for name in sorted(metrics) if not pool.samples(name)] == []


def test_every_panel_of_every_dashboard_has_data(pool: Monitored) -> None:
    panels = [panel for board in BOARDS for row in board.rows for panel in row.panels]
    asked = {re.sub(r"\$\w+", ".*", query.expr) for panel in panels for query in panel.queries}
    # Its scaler has nothing to decide where all slots run.
    silent = {'max(login_scaler_workers{kind="target"})'}
    eventually(lambda: not [expr for expr in asked - silent if not pool.samples(expr)])


def test_a_lag_that_grows_is_told_and_no_more_when_it_was_worked_off(pool: Monitored) -> None:
    # A little more than this machine takes, whatever that is: what piles up has to be worked off again.
    for rate in ("500", "1000", "2000", "4000", "8000"):
        with pool.fed(rate):
            if within(25, lambda: "LoginLagTooLong" in pool.firing()):
                break
    pool.fires("LoginLagTooLong")
    pool.clears()


def test_a_process_that_can_not_be_started_is_told(pool: Monitored) -> None:
    script = pool.checkout.root / ".venv/bin/data-processor"
    away = script.rename(script.with_suffix(".away"))
    try:
        os.kill(pool.worker(0), signal.SIGKILL)
        pool.fires("LoginProcessDown", *STANDING)
    finally:
        away.rename(script)
    pool.clears()


def test_a_worker_that_keeps_dying_is_told(pool: Monitored) -> None:
    def dies() -> bool:
        if "worker:worker-01" in pool.checkout.pids():
            os.kill(pool.worker(1), signal.SIGKILL)
        return "LoginProcessKeepsDying" in pool.firing()

    eventually(dies)
    assert pool.firing() <= {"LoginProcessKeepsDying", "LoginProcessDown", *STANDING, *LATER}
    pool.clears()


def test_dead_letters_are_told(pool: Monitored) -> None:
    with pool.fed("20", malformed="0.5"):
        pool.fires("LoginDeadLetters")
    pool.clears()


def test_a_partition_that_stands_still_is_told(pool: Monitored) -> None:
    workers = [pool.worker(0), pool.worker(1)]
    try:
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        pool.fires("LoginNoProgress", "LoginLagTooLong")
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    pool.clears()


def test_a_redis_that_is_down_is_told_and_no_more_when_it_is_back(pool: Monitored) -> None:
    server = Redis(pool.checkout.root / ".local/redis", pool.checkout.redis_port)
    server.kill()
    pool.fires("LoginRedisUnreachable", "RedisDown", "LoginNoFlusher", *STANDING)
    eventually(lambda: "RedisDown" in pool.firing())
    targets = pool.checkout.root / ".local/monitoring/targets/alertmanager.yml"
    [address] = json.loads(targets.read_text())[0]["targets"]
    with urlopen(f"http://{address}/api/v2/alerts", timeout=30) as answer:
        assert "RedisDown" in {alert["labels"]["alertname"] for alert in json.load(answer)}
    server.start()
    pool.clears()


def test_a_disk_that_is_nearly_full_is_told(pool: Monitored, tmp_path: Path) -> None:
    disk = tmp_path / "small-disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    try:
        (disk / "log").write_bytes(bytes(3_900_000))
        pool.fires("KafkaRunningOutOfSpace")
        (disk / "log").unlink()
        pool.clears()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_after_all_of_that_each_login_was_processed_once_and_counted_once(pool: Monitored) -> None:
    config = str(pool.checkout.root / ".local/data-processor.toml")
    done = pool.checkout.run(".venv/bin/data-processor", "--config", config, "audit")
    assert done.returncode == 0, done.stdout
