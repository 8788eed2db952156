"""A pool under a steady load that is no reader's business: its transactions, its calls to Redis, and what it leaves."""

import time
from pathlib import Path

from msgspec import Struct

from benchmarks.rig import cpu, paced
from benchmarks.rig.burst import shares
from benchmarks.rig.child import SPAWN, Child
from benchmarks.rig.pool import Pool
from benchmarks.rig.positions import Positions
from benchmarks.rig.servers import Servers
from benchmarks.rig.waiting import until
from processor.logins.generated import Recipe
from processor.metrics import files
from processor.metrics.told import TRANSACTIONS
from processor.settings import Settings

WARM_UP_SECONDS = 3.0
_PATIENCE_SECONDS = 120.0


class Steady(Struct, frozen=True):
    """What some seconds of a steady load took, after its warm-up."""

    logins: int  # sent in all, warm-up included
    rate: float  # logins a second that the group took
    transactions: float  # a second, of all workers
    calls: float  # scripts a second that Redis ran: applies, and the few of the flusher
    seconds: cpu.Seconds  # CPU seconds a second, by group of processes
    shares: cpu.Seconds  # of all cores' time
    late_ms: float  # of the feeder
    behind: int  # logins that more waited at the end than at the beginning


def steady(where: Servers, settings: Settings, pool: Pool, recipe: Recipe, rate: float, seconds: float) -> Steady:
    """Send so many a second, take the account once they flow, and wait until the group has taken all."""
    topic, bootstrap = settings.topics.input, where.kafka.bootstrap
    positions = Positions(bootstrap, settings.group, topic)
    ready, stop = SPAWN.Barrier(2), SPAWN.Event()
    base = positions.sum()
    feeder = Child(paced.send, paced.Target(bootstrap, topic, settings.group, recipe), rate, ready, stop)
    try:
        ready.wait(_PATIENCE_SECONDS)
        time.sleep(WARM_UP_SECONDS)
        before = _Look(where, settings, pool, positions)
        time.sleep(seconds)
        after = _Look(where, settings, pool, positions)
        stop.set()
        sent = feeder.result(_PATIENCE_SECONDS)
        until("the group has taken all", lambda: positions.sum() >= base + sent.logins, _PATIENCE_SECONDS)
        pool.require_alive()
    finally:
        feeder.end()
        positions.close()
    return after.since(before, sent, rate)


class _Look:
    """All numbers that only rise, at one moment."""

    def __init__(self, where: Servers, settings: Settings, pool: Pool, positions: Positions) -> None:
        self.at, self.busy = time.monotonic(), cpu.machine_busy()
        self.cpu = cpu.snapshot(pool.pids | where.pids)
        self.taken = positions.sum()
        self.calls = calls(where)
        self.transactions = _transactions(settings)

    def since(self, before: "_Look", sent: paced.Sent, rate: float) -> Steady:
        lasted, taken = self.at - before.at, self.taken - before.taken
        spent = cpu.between(before.cpu, self.cpu)
        return Steady(
            sent.logins,
            taken / lasted,
            _rate(before.transactions, self.transactions),
            (self.calls - before.calls) / lasted,
            {name: used / lasted for name, used in spent.items()},
            shares(spent, self.busy - before.busy, lasted * cpu.cores()),
            sent.late_ms,
            max(0, round(rate * lasted) - taken),
        )


def calls(where: Servers) -> int:
    """How many scripts Redis has run so far, all its servers together."""
    amount = 0
    for server in where.counting:
        with server.client() as client:
            said = client.info("commandstats")
        amount += int(said.get("cmdstat_evalsha", {"calls": 0})["calls"])
    return amount


def _transactions(settings: Settings) -> dict[str, tuple[float, float]]:
    """When each worker last told its numbers, and how many transactions it had committed by then."""
    found = {}
    for path in files.folder(settings.run_directory).glob("worker-*.json"):
        if told := files.read(Path(path)):
            values = [each.value for each in told.series if (each.metric, *each.labels[-1:]) == _COMMITTED]
            found[told.process] = (told.at, sum(value for value in values if isinstance(value, float | int)))
    return found


_COMMITTED = (TRANSACTIONS.name, "committed")


def _rate(before: dict[str, tuple[float, float]], after: dict[str, tuple[float, float]]) -> float:
    """Transactions a second: each worker's between the two moments at which it told them."""
    pairs = [(before[name], after[name]) for name in before.keys() & after.keys()]
    return sum((b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs if b[0] > a[0])
