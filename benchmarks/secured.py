"""What TLS, logins (SCRAM) and rights cost: CPU a login of workers, Redis and broker, secured against plaintext.

Both have servers of their own, as deploy/ ships them, and take turns on the same logins, several rounds, of which every
second one goes backwards; the result is the median of the rounds' ratios.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct
from rich.progress import Progress
from rich.table import Table

from benchmarks.rig import burst, costs, feeding, plots, pool, secured, servers
from benchmarks.rig.command import Benchmark, Measured, main
from benchmarks.rig.costs import Costs
from benchmarks.rig.logins import MANY, Logins
from benchmarks.rig.results import Results
from benchmarks.rig.spread import ratio_of_pairs
from processor.settings import Settings

PARTITIONS, WORKERS = 4, 2
WARMING = 40_000  # before the account begins: what connecting, logging in and a worker's memory take is paid once
GROUPS = ("worker", "redis", "broker", "flusher")
COUNTED = ("worker", "redis", "broker")
_KINDS = ("secured", "plaintext")


class Row(Struct, frozen=True):
    """One of the two."""

    kind: str
    costs: Costs


class Side(Struct, frozen=True):
    """Servers, and what their pool has to know to get in."""

    where: servers.Servers
    for_pool: Callable[[Settings], Settings]

    def once(self, warming: Logins, logins: Logins) -> burst.Cost:
        """One pool, which has worked already when the account begins."""
        with (
            servers.topics(self.where, PARTITIONS) as settings,
            pool.running(self.where, self.for_pool(settings), WORKERS) as workers,
        ):
            _, cost = (self._burst(settings, workers, each) for each in (warming, logins))
            burst.check(settings, warming.amount + logins.amount, releases=2)
            workers.stop()
            return cost

    def _burst(self, settings: Settings, workers: pool.Pool, logins: Logins) -> burst.Cost:
        with feeding.held_back(self.where.kafka.bootstrap, settings.topics.input, logins) as release:
            return burst.taken(self.where, settings, workers, release, logins.amount)


def measure(options: argparse.Namespace, progress: Progress) -> Measured:
    """All rounds, each a pair; before them one of each that does not count, in which the brokers' code is compiled."""
    making = progress.add_task("logins made", total=options.logins)
    logins = Logins(MANY, options.logins, lambda more: progress.advance(making, more))
    warming = Logins(MANY, min(WARMING, options.logins))
    runs = progress.add_task("runs", total=2 * (1 + options.rounds))
    with servers.started() as plain, secured.started() as closed:
        sides = {"plaintext": Side(plain, lambda settings: settings), "secured": Side(closed.where, closed.for_pool)}
        taken: dict[str, list[burst.Cost]] = {kind: [] for kind in sides}
        for number in range(1 + options.rounds):
            for kind in list(sides)[:: -1 if number % 2 else 1]:
                taken[kind].append(sides[kind].once(warming, logins))
                progress.advance(runs)
    rounds = {kind: each[1:] for kind, each in taken.items()}
    return Measured([Row(kind, costs.summed(each)) for kind, each in rounds.items()], figures(rounds))


def figures(taken: dict[str, list[burst.Cost]]) -> dict[str, float]:
    """By how much a login is dearer, and the pool slower."""
    spent = [[sum(cost.microseconds[group] for group in COUNTED) for cost in taken[kind]] for kind in _KINDS]
    rates = [[cost.rate for cost in taken[kind]] for kind in _KINDS]
    return {
        "cpu_secured_to_plaintext": ratio_of_pairs(*spent),
        "rate_secured_to_plaintext": ratio_of_pairs(*rates),
    }


def table(found: Results) -> Table:
    """A line for each of the two: medians over the rounds, with the least and the most."""
    made = Table(title=f"CPU µs a login; {found.options['logins']:,} logins a run, {found.options['rounds']} rounds")
    for column in ("", "logins/s", *GROUPS, "other load"):
        made.add_column(column, justify="right")
    for row in found.measured:
        made.add_row(row["kind"], *_cells(row["costs"]))
    return made


def _cells(taken: dict[str, Any]) -> list[str]:
    each = [taken["microseconds"][group] for group in GROUPS]
    spent = [f"{one['median']:.2f} ({one['least']:.2f} to {one['most']:.2f})" for one in each]
    return [f"{taken['rate']['median']:,.0f}", *spent, f"{taken['shares']['others']['median']:.0%} of all cores"]


def plot(found: Results, path: Path) -> None:
    """A bar for each of the two."""
    kinds = [row["kind"] for row in found.measured]
    with plots.drawn(path, found, "What TLS, logins and rights cost") as [axes]:
        spent = [row["costs"]["microseconds"] for row in found.measured]
        plots.stacked(axes, kinds, {group: [each[group]["median"] for each in spent] for group in GROUPS})
        axes.set_ylabel("CPU µs a login")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--logins", type=int, default=1_000_000, help="a run")
    parser.add_argument("--rounds", type=int, default=4, help="how often both take their turn")


BENCHMARK = Benchmark("secured", __doc__ or "", _options, measure, table, plot)

if __name__ == "__main__":
    main(BENCHMARK)
