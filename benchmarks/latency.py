"""How long a login takes: from being sent to its processed record, to its count in Redis, and to user-aggregations.

First the capacity is found: what the pool takes while feeder and readers run on the same machine. Then shares of it and
fixed rates take turns, several rounds, each with an open loop: logins are sent at their time, whether or not the pool
keeps up.
"""

import argparse
from pathlib import Path
from typing import Any

from msgspec import Struct
from rich.progress import Progress
from rich.table import Table

from benchmarks.rig import burst, delays, plots, pool, servers
from benchmarks.rig.command import Benchmark, Measured, main
from benchmarks.rig.failed import Failed
from benchmarks.rig.logins import MANY
from benchmarks.rig.numbers import numbers
from benchmarks.rig.results import Results
from benchmarks.rig.spread import Spread, spread
from benchmarks.rig.stream import Stream, Streamed

WORKERS = 2
PERCENTS = (50, 99, 99.9)
NAMES = ("p50", "p99", "p99.9")
STEPS = ("processed", "counted", "published")


class Once(Struct, frozen=True):
    """One stream: what was reached, milliseconds by step and percentile, and CPU microseconds a login."""

    rate: float
    late_ms: float
    waits: dict[str, list[float]]
    microseconds: dict[str, float]


class Row(Struct, frozen=True):
    """One load over all rounds."""

    load: str
    wanted: float  # logins a second
    rate: Spread
    late_ms: Spread  # how far the feeder was behind its own pace at worst
    waits: dict[str, dict[str, Spread]]  # milliseconds
    microseconds: dict[str, Spread]  # CPU a login


def once(streamed: Streamed) -> Once:
    """Sum up one stream."""
    found = {
        "processed": delays.until_seen(streamed.seen, streamed.since),
        "counted": delays.until_passed(streamed.seen, streamed.bases, streamed.passed.counted, streamed.since),
        "published": delays.until_passed(streamed.seen, streamed.bases, streamed.passed.published, streamed.since),
    }
    waits = {step: delays.milliseconds(each, PERCENTS) for step, each in found.items()}
    paid = {name: used / streamed.logins * 1e6 for name, used in streamed.cpu.items()}
    return Once(streamed.rate, streamed.sent.late_ms, waits, paid)


def row(load: str, wanted: float, rounds: list[Once]) -> Row:
    """Sum up a load's rounds."""
    waits = {
        step: {name: spread([each.waits[step][place] for each in rounds]) for place, name in enumerate(NAMES)}
        for step in STEPS
    }
    paid = {name: spread([each.microseconds[name] for each in rounds]) for name in rounds[0].microseconds}
    rates, late = [each.rate for each in rounds], [each.late_ms for each in rounds]
    return Row(load, wanted, spread(rates), spread(late), waits, paid)


def measure(options: argparse.Namespace, progress: Progress) -> Measured:
    """Find the capacity, then let all loads take turns."""
    loads = len(options.percents) + len(options.rates)
    bar = progress.add_task("streams", total=1 + loads * options.rounds)
    with (
        servers.started() as where,
        servers.topics(where, WORKERS) as settings,
        pool.running(where, settings, WORKERS) as workers,
    ):
        stream = Stream(where, settings, workers, MANY)
        capacity = stream.at_capacity(options.seconds)
        if not capacity.logins:
            raise Failed("the pool took no login while its capacity was measured: take more seconds")
        progress.advance(bar)
        wanted = {f"{percent} %": capacity.rate * percent / 100 for percent in options.percents}
        wanted |= {f"{rate:,}/s": float(rate) for rate in options.rates}
        taken: dict[str, list[Once]] = {load: [] for load in wanted}
        total = capacity.sent.logins
        for _ in range(options.rounds):
            for load, rate in wanted.items():
                streamed = stream.at_rate(rate, options.seconds)
                taken[load].append(once(streamed))
                total += streamed.sent.logins
                progress.advance(bar)
        burst.check(settings, total)
        workers.stop()
    rows = [row(load, rate, taken[load]) for load, rate in wanted.items()]
    return Measured([row("capacity", capacity.rate, [once(capacity)]), *rows], figures(rows))


def figures(rows: list[Row]) -> dict[str, float]:
    """The slowest one in a hundred of each load, to its processed record."""
    named = {each.load.removesuffix("/s").replace(" %", "_percent").replace(",", ""): each for each in rows}
    return {f"processed_p99_ms_at_{load}": each.waits["processed"]["p99"].median for load, each in named.items()}


def table(found: Results) -> Table:
    """A line a load: medians of the rounds, of the fixed figure also the least and the most."""
    made = Table(title=f"ms from being sent; {WORKERS} workers; medians of {found.options['rounds']} rounds")
    made.add_column("load", justify="right")
    for column in ("logins/s", *(f"{step} {'/'.join(NAMES)}" for step in STEPS), "feeder late", "CPU µs"):
        made.add_column(column, justify="right")
    for each in found.measured:
        made.add_row(*_cells(each))
    return made


def _cells(each: dict[str, Any]) -> list[str]:
    waits = [" / ".join(f"{each['waits'][step][name]['median']:,.0f}" for name in NAMES) for step in STEPS]
    paid = each["microseconds"]["worker"]["median"] + each["microseconds"]["redis"]["median"]
    return [each["load"], f"{each['rate']['median']:,.0f}", *waits, f"{each['late_ms']['median']:.0f}", f"{paid:.1f}"]


def plot(found: Results, path: Path) -> None:
    """Each step's percentiles by load."""
    rows = sorted(found.measured[1:], key=lambda each: float(each["rate"]["median"]))
    places = [f"{each['load']}\n{each['rate']['median']:,.0f}/s" for each in rows]
    colours = dict(zip(NAMES, ("worker", "broker", "redis"), strict=True))
    with plots.drawn(path, found, f"Latency, {WORKERS} workers", panels=len(STEPS)) as panels:
        for axes, step in zip(panels, STEPS, strict=True):
            for name in NAMES:
                values = [each["waits"][step][name]["median"] for each in rows]
                axes.plot(places, values, marker="o", label=name, color=plots.COLOURS[colours[name]])
            axes.set_title(f"to its being {step}", fontsize="medium")
            axes.set_ylabel("ms")
            axes.set_ylim(bottom=0)
            axes.legend()


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=10.0, help="of each stream, after 3 of warming up")
    parser.add_argument("--rounds", type=int, default=2, help="how often each load takes its turn")
    parser.add_argument("--percents", type=numbers, default=numbers("10,50,80"), metavar="N,N", help="of capacity")
    parser.add_argument("--rates", type=numbers, default=numbers("10000,40000"), metavar="N,N", help="logins a second")


BENCHMARK = Benchmark("latency", __doc__ or "", _options, measure, table, plot)

if __name__ == "__main__":
    main(BENCHMARK)
