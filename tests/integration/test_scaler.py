"""The scaler on a real pool under load: a step of five times what the minimum can do, taken and left again.

A transaction's end reaches the broker two fifths of a second late, by a proxy: so a worker can do a hundred logins a
second however quick the machine is, and more workers can do more.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions
from msgspec import json, structs

from deploy.local.ports import LOOPBACK, pick_free
from processor.errors import Exit
from processor.settings import ScalerSettings, Settings, WorkerSettings
from tests import stack
from tests.chaos.kafka_proxy import KafkaProxy, hold
from tests.pool import COMMAND, Account, bounds, eventually, fed, offsets, read
from tests.scraping import Scrape
from tests.supervised import Vm, vm

END_TRANSACTION = 26  # the request's key
END_SECONDS = 0.4
ALWAYS = 10**9
BATCH_RECORDS = 40
SLOTS, PARTITIONS, GROWN = 10, 6, 8
TRICKLE = 25.0  # logins a second: less than a worker can do
DECISION = re.compile(r"(?:(\d+) -> )?(\d+) workers \(this host (?:\d+ -> )?(\d+) of \d+.*?\): ")
SCALER = ScalerSettings(
    min_workers=1, lag_seconds=5.0, catch_up_seconds=20.0, cool_down_seconds=15.0, interval_seconds=1.0
)


class Slowed:
    """A broker, and the address at which transactions end late."""

    def __init__(self, folder: Path) -> None:
        self.broker = stack.new_broker(folder)
        listener, proxy = pick_free(2)
        ours = f"CLIENTS://{self.broker.bootstrap},CONTROLLERS://{LOOPBACK}:{self.broker.controller_port}"
        self.broker.overrides = {
            **self.broker.overrides,
            "listeners": f"{ours},PROXIED://{LOOPBACK}:{listener}",
            "advertised.listeners": f"{ours},PROXIED://{LOOPBACK}:{proxy}",
            "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLERS:PLAINTEXT,PROXIED:PLAINTEXT",
        }
        self.proxy = KafkaProxy((LOOPBACK, proxy), (LOOPBACK, listener))
        self.address = f"{LOOPBACK}:{proxy}"
        self.proxy.on_request(END_TRANSACTION, hold(END_SECONDS), ALWAYS)


@pytest.fixture(scope="module")
def slowed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slowed]:
    made = Slowed(tmp_path_factory.mktemp("slowed"))
    with ExitStack() as ending:
        for part in (made.broker, made.proxy):
            ending.callback(part.stop)
            part.start()
        yield made


@pytest.fixture
def direct(slowed: Slowed, redis_server: stack.RedisServer, tmp_path: Path) -> Settings:
    """The settings by which the test itself asks and feeds."""
    made = stack.new_settings(slowed.broker, redis_server, tmp_path / "run")
    worker = WorkerSettings(batch_records=BATCH_RECORDS, breaker_records=100)
    return structs.replace(
        made,
        scaler=SCALER,
        worker=worker,
        topics=structs.replace(made.topics, partitions=PARTITIONS),
        flusher=structs.replace(made.flusher, interval_seconds=1.0),
    )


def by_proxy(settings: Settings, slowed: Slowed) -> Settings:
    """The settings by which the pool works."""
    kafka = structs.replace(settings.kafka, client={"bootstrap.servers": slowed.address})
    return structs.replace(settings, kafka=kafka)


class Trial:
    """The pool and what is asked of it."""

    def __init__(self, host: Vm, account: Account, dry_run: "DryRun") -> None:
        self.host = host
        self.account = account
        self.dry_run = dry_run
        self._settings = account.settings
        self._input = AdminClient(dict(self._settings.kafka.client))

    def run(self, number: int) -> None:
        """Wait until so many workers run, and no more change is under way."""
        eventually(
            f"{number} workers run", lambda: len(self.host.running()) == number and self.targets()[-1:] == [number]
        )

    def targets(self) -> list[int]:
        """Every target that the scaler's log tells of, in its order, each one once."""
        found = [int(told[2]) for line in self.lines() if (told := DECISION.match(line))]
        return [at for before, at in zip([None, *found], found, strict=False) if at != before]

    def lines(self) -> list[str]:
        """What the scaler said."""
        return [json.decode(line)["event"] for line in self.host.log("scaler").splitlines() if line.startswith("{")]

    def behind(self) -> int:
        """Logins that are not processed."""
        committed = offsets(self._settings, self._settings.group)
        ends = bounds(self._settings, self._settings.topics.input)
        return sum(end - committed.get(p, 0) for p, (_, end) in ends.items())

    def grow(self, partitions: int) -> None:
        """Add partitions."""
        topic = self._settings.topics.input
        self._input.create_partitions([NewPartitions(topic, partitions)])[topic].result(30)

    def capacity(self) -> float:
        """Logins a second of the one worker that runs now, by what it wrote beside each: however late a test looks."""
        logins = 20 * BATCH_RECORDS
        for number in (BATCH_RECORDS, logins):  # what workers had that were stopped is nobody's for a while
            self.account.feed(number, users=2000, malformed=0.0)
            eventually("it has done all", lambda: not self.behind())
        written = [json.decode(value or b"") for _, value in read(self._settings, self._settings.topics.processed)]
        times = sorted(each["processed_timestamp"] for each in written)[-logins:]
        return (logins - BATCH_RECORDS) / (times[-1] - times[0]) * 1000  # the first batch was written when time began

    def agree(self, *, busy: bool = False) -> None:
        """Wait until log, `--dry-run` and metric tell the same decision; a busy pool's reasons change all the time."""

        def told() -> bool:
            logged, dry = self.lines()[-1], self.dry_run.lines[-1]
            same = logged.partition(":")[0] == dry.partition(":")[0] if busy else logged == dry
            decided = DECISION.match(logged)
            assert decided is not None, logged
            metrics = [int(self._metric(kind)) for kind in ("running", "target", "share")]
            return same and metrics == [int(decided[1] or decided[2]), int(decided[2]), int(decided[3])]

        try:
            eventually("log, --dry-run and metric agree", told)
        except AssertionError:
            print(self.lines()[-1], self.dry_run.lines[-1], sep="\n")
            raise

    def _metric(self, kind: str) -> float:
        return Scrape(self.host.settings).sum("login_scaler_workers", kind=kind)


class DryRun:
    """`data-processor scaler --dry-run` beside the scaler, and what it has said."""

    def __init__(self, host: Vm) -> None:
        self.lines: list[str] = []
        self._process = Popen(
            [COMMAND, "scaler", "--dry-run"],
            env=host.environment,
            cwd=host.folder,
            stdin=DEVNULL,
            stdout=PIPE,
            text=True,
        )
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))

    def looks(self, number: int, holds: Callable[[str], bool]) -> list[str]:
        """The next so many decisions for which something holds."""
        begin = len(self.lines)
        return eventually(
            f"{number} such decisions",
            lambda: found if len(found := [line for line in self.lines[begin:] if holds(line)]) >= number else None,
        )

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(60)
        self._reading.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def trial(direct: Settings, slowed: Slowed) -> Iterator[Trial]:
    stack.create_topics(direct)
    with vm(by_proxy(direct, slowed), workers=SLOTS) as host:
        dry_run = DryRun(host)
        try:
            yield Trial(host, Account(direct, 1), dry_run)
        finally:
            dry_run.end()


def turns(targets: list[int]) -> int:
    """How often they change their direction."""
    rises = [later > earlier for earlier, later in pairwise(targets)]
    return sum(before != after for before, after in pairwise(rises))


def test_a_step_of_five_times_the_minimum_is_taken_and_left_without_flapping_and_is_exact(trial: Trial) -> None:
    host = trial.host
    trial.run(1)
    trial.agree()
    capacity = trial.capacity()
    trial.run(1)
    before = len(trial.targets()) - 1
    print(f"a worker does {capacity:.0f}/s; the step is to {5 * capacity:.0f}/s")
    with fed(trial.account, 5 * capacity, users=2000):
        trial.run(PARTITIONS)
        pids = {name: each.pid for name, each in host.processes().items() if name in host.running()}
        trial.grow(GROWN)
        trial.run(GROWN)
        # A batch lies half a second in a transaction: what comes in meanwhile is always behind.
        eventually("caught up", lambda: trial.behind() < 2 * 5 * capacity)
        after = host.processes()
        assert {name: after[name].pid for name in pids} == pids, "a worker was restarted for the new partitions"
        trial.agree(busy=True)
        stopped = sorted(pids)[-1]
        host.control("stop", f"worker:{stopped}")
        eventually("another one stands in", lambda: len(host.running() - {stopped}) == GROWN)
        trial.dry_run.looks(5, lambda line: "1 more stopped by hand" in line)
        trial.agree(busy=True)
        assert host.processes()[stopped].state == "STOPPED"
    trial.run(1)
    print(f"targets {trial.targets()[before:]}")
    assert turns(trial.targets()[before:]) == 1
    trial.agree()
    assert host.processes()[stopped].state == "STOPPED"

    _poisoned(trial)

    trial.account.check()
    assert host.tool("audit", "--full").returncode == Exit.OK


def _poisoned(trial: Trial) -> None:
    """A partition that the breaker stopped falls behind, and no worker is started for it."""
    host, account = trial.host, trial.account
    account.feed(200, malformed=1.0, partition=0)
    eventually("it is stopped", lambda: Scrape(host.settings).sum("login_partition_stopped", partition="0") == 1)
    trial.run(1)
    before, began = len(trial.targets()), len(trial.dry_run.lines)
    # More than one worker could catch up with in time, if it were to be caught up with.
    account.feed(3_000, malformed=1.0, partition=0)
    with fed(account, TRICKLE):  # what is stopped is told while something else comes in
        looks = trial.dry_run.looks(20, lambda line: "without partition 0" in line)
    print(*trial.dry_run.lines[began:], sep="\n")
    assert {told[2] for line in looks if (told := DECISION.match(line))} == {"1"}
    assert len(trial.targets()) == before, "the scaler changed something for a poisoned partition"
    # Whoever takes it over from its worker looks for itself, and stops it again.
    eventually("it goes on", lambda: host.tool("resume", "--all").returncode == Exit.OK and account.settled())


def test_of_workers_without_partitions_one_stays_as_a_spare(direct: Settings, slowed: Slowed) -> None:
    few = structs.replace(
        direct,
        topics=structs.replace(direct.topics, partitions=1),
        scaler=structs.replace(SCALER, min_workers=3, cool_down_seconds=1.0),
    )
    stack.create_topics(few)
    with vm(by_proxy(few, slowed), workers=4) as host:
        eventually("one works, one is spare", lambda: len(host.running()) == 2 and _spare(host) == 1)


def _spare(host: Vm) -> int:
    return int(json.decode(host.tool("status", "--json").stdout)["spare_workers"])
