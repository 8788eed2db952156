"""Throughput, CPU a login and memory of the pool as partitions grow, one real worker process a partition.

The logins lie ready before a pool starts and are released when all its workers stand idle. The sizes take turns,
several rounds; a run whose output is wrong ends the benchmark.
"""

import argparse
from pathlib import Path
from typing import Any

from msgspec import Struct, structs
from rich.progress import Progress
from rich.table import Table

from benchmarks.rig import burst, costs, feeding, plots, pool, servers
from benchmarks.rig.command import Benchmark, Measured, main
from benchmarks.rig.costs import Costs
from benchmarks.rig.logins import MANY, Logins
from benchmarks.rig.numbers import numbers
from benchmarks.rig.results import Results
from benchmarks.rig.spread import ratio_of_pairs
from processor.settings import Settings

WARMING = 20_000  # logins a partition before the account begins: two full batches, so that memory is there
GROUPS = ("worker", "redis", "broker", "flusher")


class Row(Struct, frozen=True):
    """One size of the pool."""

    partitions: int
    costs: Costs


def _once(where: servers.Servers, warming: Logins, logins: Logins, partitions: int) -> burst.Cost:
    """One pool, which has worked already when the account begins: a start is paid once, whatever comes after it."""
    with (
        servers.topics(where, partitions) as settings,
        pool.running(where, settings, partitions) as workers,
    ):
        first, cost = (_burst(where, settings, workers, each) for each in (warming, logins))
        burst.check(settings, warming.amount + logins.amount, releases=2)
        workers.stop()
        return structs.replace(cost, idle_mb=first.idle_mb)


def _burst(where: servers.Servers, settings: Settings, workers: pool.Pool, logins: Logins) -> burst.Cost:
    with feeding.held_back(where.kafka.bootstrap, settings.topics.input, logins) as release:
        return burst.taken(where, settings, workers, release, logins.amount)


def measure(options: argparse.Namespace, progress: Progress) -> Measured:
    """All sizes, in turn, so that what changes on the machine meets all of them."""
    making = progress.add_task("logins made", total=options.logins)
    logins = Logins(MANY, options.logins, lambda more: progress.advance(making, more))
    sizes: list[int] = options.partitions
    warming = {size: Logins(MANY, size * WARMING) for size in sizes}
    bar = progress.add_task("runs", total=len(sizes) * options.rounds)
    taken: dict[int, list[burst.Cost]] = {size: [] for size in sizes}
    with servers.started() as where:
        _once(
            where, warming[sizes[0]], logins, sizes[0]
        )  # the broker's code is compiled while it works: this one does not count
        for _ in range(options.rounds):
            for size in sizes:
                taken[size].append(_once(where, warming[size], logins, size))
                progress.advance(bar)
    return Measured([Row(size, costs.summed(rounds)) for size, rounds in taken.items()], figures(taken))


def figures(taken: dict[int, list[burst.Cost]]) -> dict[str, float]:
    """The most partitions against the fewest, and the largest worker of all."""
    least, most = min(taken), max(taken)
    best = max(taken, key=lambda size: costs.summed(taken[size]).rate.median)
    rates = {size: [cost.rate for cost in rounds] for size, rounds in taken.items()}
    return {
        f"cpu_{most}_to_{least}": costs.ratio(taken[most], taken[least]),
        f"rate_{most}_to_best": ratio_of_pairs(rates[most], rates[best]),
        "peak_mb": max(costs.summed(rounds).peak_mb.median for rounds in taken.values()),
        "idle_mb": max(costs.summed(rounds).idle_mb.median for rounds in taken.values()),
    }


def table(found: Results) -> Table:
    """A line a size: medians, of the rate also the least and the most."""
    made = Table(title=f"{found.options['logins']:,} logins a run, {found.options['rounds']} rounds")
    for column in ("partitions", "logins/s", "worker µs", "Redis µs", "broker µs", "flusher µs", "idle MB", "peak MB"):
        made.add_column(column, justify="right")
    made.add_column("cores", justify="left")
    for row in found.measured:
        made.add_row(*_cells(row))
    return made


def _cells(row: dict[str, Any]) -> list[str]:
    taken = row["costs"]
    rate = taken["rate"]
    cells = [str(row["partitions"]), f"{rate['median']:,.0f} ({rate['least']:,.0f} to {rate['most']:,.0f})"]
    cells += [f"{taken['microseconds'][group]['median']:.2f}" for group in GROUPS]
    cells += [f"{taken[name]['median']:.0f}" for name in ("idle_mb", "peak_mb")]
    shares = [f"{name} {share['median']:.0%}" for name, share in taken["shares"].items()]
    return [*cells, ", ".join(shares)]


def plot(found: Results, path: Path) -> None:
    """The rate; what a login costs; and who had the cores, which says why the rate bends; and memory."""
    sizes = [str(row["partitions"]) for row in found.measured]
    taken = [row["costs"] for row in found.measured]
    with plots.drawn(path, found, "As partitions grow, one worker process each", panels=4) as (speed, cost, who, size):
        _speed(speed, sizes, [each["rate"] for each in taken])
        plots.stacked(cost, sizes, {g: [each["microseconds"][g]["median"] for each in taken] for g in GROUPS})
        cost.set_ylabel("CPU µs a login")
        parts = (*GROUPS, "others", "idle")
        plots.stacked(who, sizes, {g: [100 * each["shares"][g]["median"] for each in taken] for g in parts})
        who.set_ylabel(f"% of {found.machine['cores']} cores: at 100 more workers add nothing")
        for name, colour in (("peak_mb", "worker"), ("idle_mb", "flusher")):
            values = [each[name]["median"] for each in taken]
            size.plot(sizes, values, marker="o", color=plots.COLOURS[colour], label=name.removesuffix("_mb"))
        size.set_ylabel("MB of the largest worker")
        size.set_ylim(bottom=0)
        size.legend()
        for axes in (speed, cost, who, size):
            axes.set_xlabel("partitions")


def _speed(axes: Any, sizes: list[str], rates: list[dict[str, Any]]) -> None:
    medians = [rate["median"] for rate in rates]
    below = [rate["median"] - rate["least"] for rate in rates]
    above = [rate["most"] - rate["median"] for rate in rates]
    axes.errorbar(sizes, medians, [below, above], marker="o", capsize=4, color=plots.COLOURS["worker"])
    axes.set_ylim(bottom=0)
    axes.set_ylabel("logins a second")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--logins", type=int, default=1_000_000, help="a run")
    parser.add_argument("--rounds", type=int, default=3, help="how often each size takes its turn")
    parser.add_argument("--partitions", type=numbers, default=numbers("1,2,4,8,16,32"), metavar="N,N", help="sizes")


BENCHMARK = Benchmark("scaling", __doc__ or "", _options, measure, table, plot)

if __name__ == "__main__":
    main(BENCHMARK)
