"""From kill -9 of a worker, under supervisord as shipped, to the next processed record of its partition.

Logins are sent at a steady rate while workers are killed one after another. A record counts as the next one when it
bears a later time of processing than the kill, and the moment at which a read_committed reader sees it.
"""

import argparse
import os
import signal
import time
from contextlib import closing
from pathlib import Path

from msgspec import Struct
from rich.progress import Progress
from rich.table import Table

from benchmarks.rig import burst, paced, plots, seen, servers
from benchmarks.rig.child import SPAWN, Child
from benchmarks.rig.command import Benchmark, Measured, main
from benchmarks.rig.failed import Failed
from benchmarks.rig.logins import MANY
from benchmarks.rig.positions import Positions
from benchmarks.rig.results import Results
from benchmarks.rig.seen import Seen
from benchmarks.rig.servers import Servers
from benchmarks.rig.spread import spread
from benchmarks.rig.stamped import PROCESSED
from benchmarks.rig.supervised import Supervised, supervised
from benchmarks.rig.waiting import until
from processor.settings import Settings

CALM_SECONDS = 2.0  # between two kills: supervisord takes a death within a second of the start for a failed start
_PATIENCE_SECONDS = 120.0


class Kill(Struct, frozen=True):
    """One worker killed."""

    at: int  # nanoseconds since the epoch
    worker: str
    partition: int


class Row(Struct, frozen=True):
    """What became of its partition."""

    worker: str
    partition: int
    seconds: float  # to the next processed record


def kill(pool: Supervised, worker: str) -> Kill:
    """Kill a worker and wait until it is back at work."""
    before = pool.lines(worker)
    partition = next(line.owned for line in reversed(before) if line.owned)[0]
    pid = until(f"{worker} runs", lambda: pool.pid(worker))
    killed = Kill(time.time_ns(), worker, partition)
    os.kill(pid, signal.SIGKILL)
    until(f"{worker} is back", lambda: len(pool.lines(worker)) > len(before) and pool.is_ready(worker), 60)
    time.sleep(CALM_SECONDS)
    return killed


def row(killed: Kill, found: list[Seen]) -> Row:
    """Find the next record of a killed worker's partition among all that were seen; raises Failed without one."""
    later = (each.at for each in found if each.partition == killed.partition and each.mark * 1_000_000 > killed.at)
    first = min(later, default=None)
    if first is None:
        raise Failed(f"partition {killed.partition} was never processed again after {killed.worker} was killed")
    return Row(killed.worker, killed.partition, (first - killed.at) / 1e9)


def measure(options: argparse.Namespace, progress: Progress) -> Measured:
    """Kill and kill again, then see what the reader saw, and that nothing was lost or came twice."""
    bar = progress.add_task("kills", total=options.kills)
    with (
        servers.started() as where,
        servers.topics(where, options.workers) as settings,
        supervised(where, settings, options.workers) as pool,
    ):
        stream = _Stream(where, settings, options.rate)
        kills = []
        for number in range(options.kills):
            kills.append(kill(pool, pool.workers[number % options.workers]))
            progress.advance(bar)
        found = stream.end(settings)
    rows = [row(each, found) for each in kills]
    seconds = spread([each.seconds for each in rows])
    return Measured(rows, {"seconds_median": seconds.median, "seconds_most": seconds.most})


class _Stream:
    """The feeder and the reader."""

    def __init__(self, where: Servers, settings: Settings, rate: float) -> None:
        topics, self._bootstrap = settings.topics, where.kafka.bootstrap
        ready, self._stop, self._wanted = SPAWN.Barrier(3), SPAWN.Event(), SPAWN.Value("q", -1)
        target = paced.Target(self._bootstrap, topics.input, settings.group, MANY)
        starts = dict.fromkeys(range(topics.partitions), 0)
        self._feeder = Child(paced.send, target, rate, ready, self._stop)
        self._reader = Child(seen.watch, self._bootstrap, topics.processed, starts, PROCESSED, ready, self._wanted)
        ready.wait(_PATIENCE_SECONDS)
        time.sleep(CALM_SECONDS)

    def end(self, settings: Settings) -> list[Seen]:
        """Stop feeding, wait for the last record, and check all of them."""
        self._stop.set()
        sent = self._feeder.result(_PATIENCE_SECONDS)
        self._wanted.value = sent.logins
        found = self._reader.result(_PATIENCE_SECONDS)
        with closing(Positions(self._bootstrap, settings.aggregations_group, settings.topics.input)) as published:
            published.wait(sent.logins)
        burst.check(settings, sent.logins)
        return found


def table(found: Results) -> Table:
    """A line a kill."""
    made = Table(title=f"kill -9 at {found.options['rate']:,.0f} logins/s, {found.options['workers']} workers")
    for column in ("kill", "worker", "partition", "seconds to the next processed record"):
        made.add_column(column, justify="right")
    for number, each in enumerate(found.measured, 1):
        made.add_row(str(number), each["worker"], str(each["partition"]), f"{each['seconds']:.2f}")
    return made


def plot(found: Results, path: Path) -> None:
    """A bar a kill."""
    seconds = [each["seconds"] for each in found.measured]
    with plots.drawn(path, found, "From kill -9 to the next processed record") as [axes]:
        axes.bar([str(number) for number in range(1, len(seconds) + 1)], seconds, color=plots.COLOURS["worker"])
        axes.axhline(3, color=plots.COLOURS["redis"], linestyle="--", label="promised: 3 s")
        axes.set_xlabel("kill")
        axes.set_ylabel("seconds")
        axes.legend()


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kills", type=int, default=12, help="how many, of the workers in turn")
    parser.add_argument("--workers", type=int, default=2, help="one partition each")
    parser.add_argument("--rate", type=float, default=5_000, help="logins a second meanwhile")


BENCHMARK = Benchmark("recovery", __doc__ or "", _options, measure, table, plot)

if __name__ == "__main__":
    main(BENCHMARK)
