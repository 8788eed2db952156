"""CPU a login and throughput of this pool beside other systems that do the same work on the same broker.

Kafka Streams, Flink SQL, Quix Streams and the usual loop are built from the registries at first. All take turns,
several rounds; the output of each is compared with the input, and a run that lost or repeated a login ends it all.
"""

import argparse
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import Progress
from rich.table import Table

from benchmarks.rig import plots, servers
from benchmarks.rig.command import Benchmark, Measured, run
from benchmarks.rig.results import Results
from benchmarks.systems import arena, compared
from benchmarks.systems.catalogue import SYSTEMS
from benchmarks.systems.job import Cost
from benchmarks.systems.system import System
from processor.logins.generated import Recipe

_PALE = "#b8bec9"


def measure(options: argparse.Namespace, progress: Progress) -> Measured:
    """Build all, feed the input, and run all in turn, every second round backwards: what drifts meets all of them."""
    chosen = [system for system in SYSTEMS if system.name in options.only]
    built = {system: system.build() for system in progress.track(chosen, description="systems built")}
    taken: dict[System, list[Cost]] = {system: [] for system in chosen}
    with servers.started() as where, ExitStack() as topics:
        inputs = {slow: topics.enter_context(_fed(where, slow, options, progress)) for slow in _kinds(chosen)}
        turns = [system for number in range(options.rounds) for system in chosen[:: -1 if number % 2 else 1]]
        bar = progress.add_task("runs", total=1 + len(turns))
        # The broker's code is compiled while it works: the first run does not count.
        for system in [chosen[0], *turns]:
            progress.update(bar, description=f"runs: {system.name}")
            cost = arena.taken(where, system, built[system], inputs[system.slow])
            if progress.tasks[bar].completed:
                taken[system].append(cost)
            progress.advance(bar)
    amounts = {slow: each.expected.logins for slow, each in inputs.items()}
    rows = [
        compared.row(system, system.version(built[system]), amounts[system.slow], costs)
        for system, costs in taken.items()
    ]
    return Measured(rows, compared.figures(taken))


def _kinds(chosen: list[System]) -> list[bool]:
    return sorted({system.slow for system in chosen})


def _fed(where: servers.Servers, slow: bool, options: argparse.Namespace, progress: Progress) -> Any:
    amount = options.slow_logins if slow else options.logins
    bar = progress.add_task("logins made and fed", total=2 * amount)
    recipe = Recipe(seed=1, users=options.users, skew=options.skew)
    return arena.fed(where, recipe, amount, options.partitions, partial(progress.advance, bar))


def table(found: Results) -> Table:
    """A line a system, medians with the least and the most."""
    made = Table(title=f"{found.options['rounds']} rounds")
    for column in ("system", "version", "guarantee", "logins"):
        made.add_column(column)
    for column in ("CPU µs a login", "of it", "broker µs", "logins/s"):
        made.add_column(column, justify="right")
    for row in found.measured:
        parts = {part: spread["median"] for part, spread in row["microseconds"].items()}
        broker = parts.pop("broker")
        of_it = " + ".join(f"{part} {median:.2f}" for part, median in parts.items()) if len(parts) > 1 else ""
        about = row["title"], row["version"], row["guarantee"], f"{row['logins']:,}"
        made.add_row(*about, _text(row["paid"], 2), of_it, f"{broker:.2f}", _text(row["rate"], 0))
    return made


def _text(spread: dict[str, Any], digits: int) -> str:
    return f"{spread['median']:,.{digits}f} ({spread['least']:,.{digits}f} to {spread['most']:,.{digits}f})"


def plot(found: Results, path: Path) -> None:
    """CPU and throughput, a bar a system."""
    with plots.drawn(path, found, "The same work on the same broker", panels=2) as [cpu, rate]:
        for axes, name, unit in ((cpu, "paid", "CPU µs a login, logarithmic"), (rate, "rate", "logins a second")):
            rows = found.measured[::-1]  # bars are drawn from below
            colours = [
                plots.COLOURS["worker"] if row["ours"] else plots.COLOURS["others" if not row["counts"] else "broker"]
                for row in rows
            ]
            medians = [row[name]["median"] for row in rows]
            bars = axes.barh([_label(row) for row in rows], medians, color=colours)
            axes.bar_label(bars, [f"{median:,.{1 if name == 'paid' else 0}f}" for median in medians], padding=3)
            axes.set_xlabel(unit)
            axes.margins(x=0.15)
        cpu.set_xscale("log")
        cpu.set_xlim(left=1)
        rate.set_yticklabels([])


def _label(row: dict[str, Any]) -> str:
    return row["title"] if row["ours"] or not row["counts"] else f"{row['title']}\n{row['guarantee']}"


def _options(parser: argparse.ArgumentParser) -> None:
    names = [system.name for system in SYSTEMS]
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, metavar="NAME", help=f"of {', '.join(names)}"
    )
    parser.add_argument("--logins", type=int, default=5_000_000, help="a run")
    parser.add_argument("--slow-logins", type=int, default=500_000, help="a run of quix or loop")
    parser.add_argument("--rounds", type=int, default=2, help="how often each takes its turn")
    parser.add_argument("--partitions", type=int, default=4, help="of the input and the processed topic")
    parser.add_argument("--users", type=int, default=100_000, help="how many there are")
    parser.add_argument("--skew", type=float, default=0.0, help="how unlike they are: 0 all alike, 1 as in Zipf's law")


BENCHMARK = Benchmark("peers", __doc__ or "", _options, measure, table, plot)

if __name__ == "__main__":
    sys.exit(run(BENCHMARK))
