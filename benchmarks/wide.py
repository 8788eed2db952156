"""What shards of a Redis Cluster, many partitions and a large group cost: the same logins, divided more and more.

Each case is a pool of its own: a burst that does not count, one that does, a steady load, and at last a worker that is
killed. The cases take turns, several rounds; a run whose output is wrong ends the benchmark.
"""

import argparse
import os
import signal
import time
from pathlib import Path
from statistics import median
from typing import Any

from msgspec import Struct
from rich.progress import Progress
from rich.table import Table

from benchmarks.rig import burst, costs, feeding, plots, pool, servers
from benchmarks.rig.case import Case, case, text
from benchmarks.rig.command import Benchmark, Measured, main
from benchmarks.rig.costs import Costs
from benchmarks.rig.logins import MANY, Logins
from benchmarks.rig.results import Results
from benchmarks.rig.spread import Spread, spread
from benchmarks.rig.steady import Steady, calls, steady
from benchmarks.rig.waiting import until
from processor.settings import Settings

PARTS = ("worker", "redis", "broker", "flusher")
CASES = ("1/1/2/2", "3/3/2/2", "3/6/2/2", "1/1/8/8", "1/1/64/8", "1/1/64/64")


class Once(Struct, frozen=True):
    """One round of a case."""

    cost: burst.Cost
    calls: int  # scripts that Redis ran in the burst
    steady: Steady
    start_seconds: float  # until each worker had its share of the partitions and had found its place
    takeover_seconds: float | None  # from kill -9 of a worker until others have its partitions


class Row(Struct, frozen=True):
    """One case."""

    case: Case
    costs: Costs  # of the burst
    calls: Spread
    steady: list[Steady]
    start_seconds: Spread
    takeover_seconds: float | None  # of the first round


def _once(where: servers.Servers, of: Case, logins: Logins, options: argparse.Namespace, *, kill: bool) -> Once:
    began = time.monotonic()
    with (
        servers.topics(where, of.partitions, of.shards) as settings,
        pool.running(where, settings, of.workers) as workers,
    ):
        started = time.monotonic() - began
        _burst(where, settings, workers, logins)
        before = calls(where)
        cost = _burst(where, settings, workers, logins)
        ran = calls(where) - before
        flow = steady(where, settings, workers, logins.recipe, options.rate, options.seconds)
        burst.settled(settings)
        burst.check(settings, 2 * logins.amount + flow.logins, releases=3)  # behind both markers comes the stream
        return Once(cost, ran, flow, started, _takeover(workers, of) if kill and of.workers > 1 else None)


def _burst(where: servers.Servers, settings: Settings, workers: pool.Pool, logins: Logins) -> burst.Cost:
    with feeding.held_back(where.kafka.bootstrap, settings.topics.input, logins) as release:
        return burst.taken(where, settings, workers, release, logins.amount)


def _takeover(workers: pool.Pool, of: Case) -> float:
    killed, *others = workers.workers
    began = time.monotonic()
    os.kill(workers.workers[killed], signal.SIGKILL)
    logs = [workers.log(name) for name in others]
    until("others have its partitions", lambda: sum(pool.placed(pool.read(log)) or 0 for log in logs) == of.partitions)
    return time.monotonic() - began


def measure(options: argparse.Namespace, progress: Progress) -> Measured:
    """All cases, in turn, on one broker, one Redis and one Cluster."""
    making = progress.add_task("logins made", total=options.logins)
    logins = Logins(MANY, options.logins, lambda more: progress.advance(making, more))
    cases = [case(text) for text in options.cases]
    bar = progress.add_task("runs", total=len(cases) * options.rounds)
    taken: dict[Case, list[Once]] = {each: [] for each in cases}
    with servers.started() as one, servers.clustered(one) as cluster:
        for number in range(options.rounds):
            for each in cases:
                where = cluster if each.nodes > 1 else one
                taken[each].append(_once(where, each, logins, options, kill=number == 0))
                progress.advance(bar)
    return Measured([_row(each, rounds) for each, rounds in taken.items()], figures(taken))


def _row(of: Case, rounds: list[Once]) -> Row:
    return Row(
        of,
        costs.summed([once.cost for once in rounds]),
        spread([once.calls for once in rounds]),
        [once.steady for once in rounds],
        spread([once.start_seconds for once in rounds]),
        rounds[0].takeover_seconds,
    )


def figures(taken: dict[Case, list[Once]]) -> dict[str, float]:
    """What workers and Redis pay for a login, each case against the first."""
    first, *others = taken
    paid = {each: [once.cost for once in rounds] for each, rounds in taken.items()}
    return {f"cpu_{text(each)}_to_{text(first)}": costs.ratio(paid[each], paid[first]) for each in others}


def table(found: Results) -> Table:
    """A line a case: medians."""
    told = found.options
    made = Table(title=f"{told['logins']:,} logins a burst; then {told['rate']:,} a second; {told['rounds']} rounds")
    names = ("worker µs", "Redis µs", "broker µs", "scripts", "logins/s", "steady: tx/s", "scripts/s", "busy", "behind")
    for column in ("nodes/shards/partitions/workers", *names, "start s", "takeover s"):
        made.add_column(column, justify="right")
    for row in found.measured:
        made.add_row(*_cells(row))
    return made


def _cells(row: dict[str, Any]) -> list[str]:
    taken, flows = row["costs"], row["steady"]
    paid = [f"{taken['microseconds'][group]['median']:.2f}" for group in PARTS[:3]]
    flow = [f"{median(each[name] for each in flows):,.0f}" for name in ("transactions", "calls")]
    busy = f"{median(1 - each['shares']['idle'] for each in flows):.0%}"
    rest = [f"{row['start_seconds']['median']:.1f}", f"{row['takeover_seconds'] or 0:.1f}"]
    rate, behind = f"{taken['rate']['median']:,.0f}", f"{max(each['behind'] for each in flows):,}"
    return [text(Case(**row["case"])), *paid, f"{row['calls']['median']:,.0f}", rate, *flow, busy, behind, *rest]


def plot(found: Results, path: Path) -> None:
    """What a login costs in a burst; what a second of the steady load costs; and its transactions."""
    places = [text(Case(**row["case"])) for row in found.measured]
    with plots.drawn(path, found, "The same logins, divided: nodes/shards/partitions/workers", panels=3) as axes:
        cost, flow, counts = axes
        taken = [row["costs"]["microseconds"] for row in found.measured]
        plots.stacked(cost, places, {part: [each[part]["median"] for each in taken] for part in PARTS})
        cost.set_ylabel("CPU µs a login, in a burst")
        flows = [row["steady"] for row in found.measured]
        shares = {p: [100 * median(e["shares"][p] for e in each) for each in flows] for p in (*PARTS, "others", "idle")}
        plots.stacked(flow, places, shares)
        flow.set_ylabel(f"% of {found.machine['cores']} cores, at {found.options['rate']:,} logins/s")
        for name, label, part in (("transactions", "transactions", "worker"), ("calls", "scripts in Redis", "redis")):
            values = [median(each[name] for each in rounds) for rounds in flows]
            counts.plot(places, values, marker="o", color=plots.COLOURS[part], label=label)
        counts.set_ylabel(f"a second, at {found.options['rate']:,} logins/s")
        counts.legend()
        for each in axes:
            each.tick_params(axis="x", labelsize="small")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--logins", type=int, default=200_000, help="a burst")
    parser.add_argument("--rate", type=int, default=10_000, help="logins a second of the steady load")
    parser.add_argument("--seconds", type=float, default=5.0, help="of the steady load")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each case")
    parser.add_argument(
        "--cases", nargs="+", default=list(CASES), metavar="N/S/P/W", help="nodes, shards, partitions, workers"
    )


BENCHMARK = Benchmark("wide", __doc__ or "", _options, measure, table, plot)

if __name__ == "__main__":
    main(BENCHMARK)
