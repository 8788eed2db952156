"""How much CPU exactness costs: a real worker against a bare loop of consume and produce_batch in transactions.

Both copy the same records of the same broker in turn, several rounds; the result is the median of the rounds' ratios.
"""

import argparse
import time
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from msgspec import Struct
from rich.progress import Progress
from rich.table import Table

from benchmarks.rig import burst, copying, feeding, plots, pool, servers
from benchmarks.rig.command import Benchmark, Measured, main
from benchmarks.rig.logins import MANY, Logins
from benchmarks.rig.results import Results
from benchmarks.rig.spread import ratio_of_pairs
from processor.settings import Settings

PARTITIONS = 4


class Pair(Struct, frozen=True):
    """One round: CPU microseconds a login."""

    worker: float
    bare_copy: float


def bare_copy(settings: Settings, logins: int) -> float:
    """CPU microseconds a record of the least that copies them in transactions with their offsets."""
    bootstrap, topics = str(settings.kafka.client["bootstrap.servers"]), settings.topics
    consumer, producer = copying.begin(bootstrap, uuid4().hex, topics.input, topics.partitions)
    with closing(consumer):
        consumer.consume(1, 10)  # the start is over when the first record is there
        copied, began = 1, time.process_time()
        while copied < logins:
            copied += copying.copy(consumer, producer, topics.input, topics.processed)
        return (time.process_time() - began) / copied * 1e6


def _round(where: servers.Servers, logins: Logins) -> Pair:
    with servers.topics(where, PARTITIONS) as settings:
        with (
            feeding.held_back(where.kafka.bootstrap, settings.topics.input, logins) as release,
            pool.running(where, settings, workers=1) as worker,
        ):
            cost = burst.taken(where, settings, worker, release, logins.amount)
            burst.check(settings, logins.amount)
            worker.stop()
        return Pair(cost.microseconds["worker"], bare_copy(settings, logins.amount))


def measure(options: argparse.Namespace, progress: Progress) -> Measured:
    """All rounds, each a pair."""
    made = progress.add_task("logins made", total=options.logins)
    logins = Logins(MANY, options.logins, lambda more: progress.advance(made, more))
    rounds = progress.add_task("rounds", total=options.rounds)
    pairs = []
    with servers.started() as where:
        for _ in range(options.rounds):
            pairs.append(_round(where, logins))
            progress.advance(rounds)
    ratio = ratio_of_pairs([pair.worker for pair in pairs], [pair.bare_copy for pair in pairs])
    return Measured(pairs, {"worker_to_bare_copy": ratio})


def table(found: Results) -> Table:
    """A line a round."""
    made = Table(title=f"CPU µs a login, {found.options['logins']:,} logins a round")
    for column in ("round", "worker", "bare copy", "ratio"):
        made.add_column(column, justify="right")
    for number, pair in enumerate(found.measured, 1):
        ours, bare = pair["worker"], pair["bare_copy"]
        made.add_row(str(number), f"{ours:.2f}", f"{bare:.2f}", f"{ours / bare:.2f}")
    return made


def plot(found: Results, path: Path) -> None:
    """Two bars a round."""
    with plots.drawn(path, found, "What exactness costs: CPU a login") as [axes]:
        for name, colour, offset in (("worker", "worker", -0.2), ("bare_copy", "broker", 0.2)):
            places = [number + offset for number in range(len(found.measured))]
            values = [pair[name] for pair in found.measured]
            axes.bar(places, values, 0.4, color=plots.COLOURS[colour], label=name.replace("_", " "))
        axes.set_xticks(range(len(found.measured)), [f"round {n + 1}" for n in range(len(found.measured))])
        axes.set_ylabel("CPU µs a login")
        axes.legend()


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--logins", type=int, default=500_000, help="a round")
    parser.add_argument("--rounds", type=int, default=3, help="how often both take their turn")


BENCHMARK = Benchmark("overhead", __doc__ or "", _options, measure, table, plot)

if __name__ == "__main__":
    main(BENCHMARK)
