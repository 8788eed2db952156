"""What a login costs, and how large Redis becomes, as users grow; and how long a flush takes by how many changed.

Redis knows all users before the first login. All of them are alike, so almost every login changes another user: the
dearest there can be. The sizes take turns, several rounds, on one Redis; then the flushes, without a pool.
"""

import argparse
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from msgspec import Struct
from rich.progress import Progress
from rich.table import Table

from benchmarks.rig import burst, costs, counts, feeding, plots, pool, servers
from benchmarks.rig.command import Benchmark, Measured, main
from benchmarks.rig.costs import Costs
from benchmarks.rig.flushes import flushing
from benchmarks.rig.logins import Logins
from benchmarks.rig.numbers import numbers
from benchmarks.rig.positions import Positions
from benchmarks.rig.results import Results
from benchmarks.rig.spread import Spread, spread
from processor.logins.generated import Recipe
from processor.settings import Settings

WORKERS = 2


class FlushRow(Struct, frozen=True):
    """Flushes of so many changed users."""

    changed: int
    seconds: Spread
    flusher_cpu: Spread  # seconds
    redis_cpu: Spread


class Row(Struct, frozen=True):
    """One number of users."""

    users: int
    costs: Costs
    redis_mb: float  # once all users are known, before the first login
    flushes: list[FlushRow]


class Size:
    """A pool's topics and counts for one number of users, and its runs."""

    def __init__(self, where: servers.Servers, settings: Settings, users: int, logins: int) -> None:
        self.users = users
        self.logins = Logins(Recipe(seed=1, users=users, skew=0.0), logins)
        self.rounds: list[burst.Cost] = []
        self.settings = settings
        self._where = where
        before = counts.used_mb(settings.redis.url)
        counts.fill(settings, users)
        self.redis_mb = counts.used_mb(settings.redis.url) - before

    def run(self) -> None:
        """One burst on top of the last one; all must be published before the pool stops."""
        where, settings = self._where, self.settings
        with (
            feeding.held_back(where.kafka.bootstrap, settings.topics.input, self.logins) as release,
            pool.running(where, settings, WORKERS) as workers,
        ):
            self.rounds.append(burst.taken(where, settings, workers, release, self.logins.amount))
            self._published()
            workers.stop()
        releases = len(self.rounds)
        burst.check(settings, releases * self.logins.amount, releases, counted_before=self.users)

    def _published(self) -> None:
        settings, bootstrap = self.settings, self._where.kafka.bootstrap
        with (
            closing(Positions(bootstrap, settings.group, settings.topics.input)) as read,
            closing(Positions(bootstrap, settings.aggregations_group, settings.topics.input)) as published,
        ):
            published.wait(read.sum())

    def flushes(self, changed: list[int], rounds: int) -> list[FlushRow]:
        """Flushes of each number of changed users that there are."""
        found = []
        with flushing(self._where, self.settings) as leader:
            for amount in changed:
                if amount <= self.users:
                    taken = [leader.once(amount) for _ in range(rounds)]
                    each = ([getattr(flush, name) for flush in taken] for name in FlushRow.__struct_fields__[1:])
                    found.append(FlushRow(amount, *map(spread, each)))
        return found


def measure(options: argparse.Namespace, progress: Progress) -> Measured:
    """Fill, then bursts in turn, then flushes."""
    steps = len(options.users) * (1 + options.rounds) + len(options.users)
    bar = progress.add_task("fills, bursts, flushes", total=steps)
    sizes: list[Size] = []
    rows = []
    with servers.started() as where, ExitStack() as stack:
        for users in options.users:
            settings = stack.enter_context(servers.topics(where, WORKERS))
            sizes.append(Size(where, settings, users, options.logins))
            progress.advance(bar)
        counts.rewrite_log(where.redis.url)
        for _ in range(options.rounds):
            for size in sizes:
                size.run()
                progress.advance(bar)
        for size in sizes:
            flushed = size.flushes(options.changed, options.flushes)
            rows.append(Row(size.users, costs.summed(size.rounds), size.redis_mb, flushed))
            progress.advance(bar)
    return Measured(rows, figures(sizes, rows))


def figures(sizes: list[Size], rows: list[Row]) -> dict[str, float]:
    """The most users against the fewest; and a flush of as many changed ones with both."""
    least, most = min(sizes, key=lambda size: size.users), max(sizes, key=lambda size: size.users)
    found = {
        f"cpu_{most.users}_to_{least.users}": costs.ratio(most.rounds, least.rounds),
        f"redis_bytes_a_user_of_{most.users}": most.redis_mb * 1e6 / most.users,
    }
    few, many = ({each.changed: each for each in row.flushes} for row in (rows[0], rows[-1]))
    for changed in few.keys() & many.keys():
        name = f"flush_of_{changed}_{most.users}_to_{least.users}"
        found[name] = many[changed].seconds.median / few[changed].seconds.median
    return found


def table(found: Results) -> Table:
    """A line a number of users: medians."""
    made = Table(
        title=f"{found.options['logins']:,} logins a burst, {WORKERS} workers, {found.options['rounds']} rounds"
    )
    for column in ("users", "logins/s", "worker µs", "Redis µs", "flusher µs", "Redis MB", "bytes a user"):
        made.add_column(column, justify="right")
    made.add_column("seconds of a flush, by changed users")
    for row in found.measured:
        made.add_row(*_cells(row))
    return made


def _cells(row: dict[str, Any]) -> list[str]:
    taken = row["costs"]
    paid = [f"{taken['microseconds'][group]['median']:.2f}" for group in ("worker", "redis", "flusher")]
    size = [f"{row['redis_mb']:,.1f}", f"{row['redis_mb'] * 1e6 / row['users']:,.0f}"]
    flushes = [f"{each['changed']:,}: {each['seconds']['median']:.2f}" for each in row["flushes"]]
    return [f"{row['users']:,}", f"{taken['rate']['median']:,.0f}", *paid, *size, "; ".join(flushes)]


def plot(found: Results, path: Path) -> None:
    """Cost a login, memory, and flushes: with all sizes on one line when only the changed count."""
    places = [f"{row['users']:,}" for row in found.measured]
    parts = ("worker", "redis", "flusher")
    with plots.drawn(path, found, "As users grow", panels=3) as (cost, memory, flush):
        medians = {g: [row["costs"]["microseconds"][g]["median"] for row in found.measured] for g in parts}
        plots.stacked(cost, places, medians)
        cost.set_ylabel("CPU µs a login")
        memory.plot(places, [row["redis_mb"] for row in found.measured], marker="o", color=plots.COLOURS["redis"])
        memory.set_yscale("log")
        memory.set_ylabel("MB of Redis")
        for row in found.measured:
            changed = [each["changed"] for each in row["flushes"]]
            seconds = [each["seconds"]["median"] for each in row["flushes"]]
            flush.plot(changed, seconds, marker="o", label=f"of {row['users']:,} users")
        flush.set_xscale("log")
        flush.set_yscale("log")
        flush.set_xlabel("users changed")
        flush.set_ylabel("seconds of a flush")
        flush.legend()
        for axes in (cost, memory):
            axes.set_xlabel("users")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--logins", type=int, default=500_000, help="a burst")
    parser.add_argument("--rounds", type=int, default=2, help="bursts of each number of users")
    parser.add_argument(
        "--users", type=numbers, default=numbers("10000,100000,1000000,10000000"), metavar="N,N", help="known to Redis"
    )
    parser.add_argument(
        "--changed", type=numbers, default=numbers("1000,10000,100000,1000000"), metavar="N,N", help="in one flush"
    )
    parser.add_argument("--flushes", type=int, default=3, help="of each number of changed users")


BENCHMARK = Benchmark("users", __doc__ or "", _options, measure, table, plot)

if __name__ == "__main__":
    main(BENCHMARK)
