"""Where a worker's CPU goes: microseconds a login in each stage of a turn, and in the threads beside it.

One real worker, its own functions wrapped, takes many logins from one partition at full speed.
"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

from msgspec import Struct
from rich.progress import Progress
from rich.table import Table

from benchmarks.rig import burst, feeding, plots, pool, servers, threads
from benchmarks.rig.command import Benchmark, Measured, main
from benchmarks.rig.logins import MANY, Logins
from benchmarks.rig.results import Results
from benchmarks.rig.spread import Spread, spread
from benchmarks.rig.waiting import until
from benchmarks.staged_worker import APPLY
from processor.logins.decode import Decoder
from processor.logins.process import encode
from processor.logins.records import Login

OUTSIDE = "outside of turns"


class Row(Struct, frozen=True):
    """One stage, or one kind of thread beside the main one; microseconds a login."""

    stage: str
    cpu: Spread
    elapsed: Spread | None  # the main thread's stages only: what exceeds the CPU was waiting


class Account(Struct, frozen=True):
    """What one worker has used so far, in seconds."""

    stages: dict[str, float]
    elapsed: dict[str, float]
    threads: dict[str, float]


class Once(Struct, frozen=True):
    """One run, microseconds a login."""

    cpu: dict[str, float]
    elapsed: dict[str, float]


def once(before: Account, after: Account, logins: int) -> Once:
    """Divide one run's difference among the stages and threads."""
    stages = {name: each - before.stages.get(name, 0.0) for name, each in after.stages.items()}
    beside = {name: each - before.threads.get(name, 0.0) for name, each in after.threads.items()}
    applied = stages.pop(APPLY, 0.0)
    others = beside.pop(threads.OTHERS, 0.0)
    outside = max(0.0, beside.pop(threads.MAIN) - sum(stages.values()))
    rest = {OUTSIDE: outside, APPLY: applied, threads.OTHERS: max(0.0, others - applied)}
    elapsed = {name: each - before.elapsed.get(name, 0.0) for name, each in after.elapsed.items() if name in stages}
    return Once(_a_login(stages | rest | beside, logins), _a_login(elapsed, logins))


def _a_login(seconds: dict[str, float], logins: int) -> dict[str, float]:
    return {name: each / logins * 1e6 for name, each in seconds.items()}


def _account(pid: int, path: Path) -> Account:
    path.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    until("the worker tells its stages", path.exists, 30)
    told = json.loads(path.read_text())
    stages, elapsed = ({stage: ns / 1e9 for stage, ns in told[each].items()} for each in ("cpu", "elapsed"))
    return Account(stages, elapsed, threads.seconds(pid))


def _run(where: servers.Servers, logins: Logins) -> Once:
    with servers.topics(where, partitions=1) as settings:
        path = where.folder / f"{settings.group}.json"
        worker = (sys.executable, "-m", "benchmarks.staged_worker", str(path))
        with (
            feeding.held_back(where.kafka.bootstrap, settings.topics.input, logins) as release,
            pool.running(where, settings, 1, worker) as running,
        ):
            (pid,) = running.workers.values()
            before = _account(pid, path)
            burst.taken(where, settings, running, release, logins.amount)
            after = _account(pid, path)
            burst.check(settings, logins.amount)
            running.stop()
            return once(before, after, logins.amount)


def measure(options: argparse.Namespace, progress: Progress) -> Measured:
    """Some rounds; each with a worker of its own."""
    making = progress.add_task("logins made", total=options.logins)
    logins = Logins(MANY, options.logins, lambda more: progress.advance(making, more))
    bar = progress.add_task("rounds", total=options.rounds)
    rounds: list[Once] = []
    with servers.started() as where:
        for _ in range(options.rounds):
            rounds.append(_run(where, logins))
            progress.advance(bar)
    rows = [row(name, rounds) for name in rounds[-1].cpu]
    shown = sorted((each for each in rows if each.cpu.median >= 0.005), key=lambda each: -each.cpu.median)
    return Measured(shown, {"microseconds": sum(each.cpu.median for each in rows)} | alone(logins))


def alone(logins: Logins) -> dict[str, float]:
    """The two parts of a stage that is one loop, each by itself: CPU microseconds a login."""
    values = [value for block in logins.blocks for _, value in block]
    decoder = Decoder("keep")
    began = time.thread_time()
    decoded = [decoder.decode(value, 0) for value in values]
    between = time.thread_time()
    for login in decoded:
        if isinstance(login, Login):
            encode(login, 0)
    ended = time.thread_time()
    parts = {"decode_alone": between - began, "process_and_encode_alone": ended - between}
    return {name: each / len(values) * 1e6 for name, each in parts.items()}


def row(stage: str, rounds: list[Once]) -> Row:
    """Sum up one stage's rounds."""
    waited = [one.elapsed.get(stage, 0.0) for one in rounds] if stage in rounds[-1].elapsed else None
    return Row(stage, spread([one.cpu.get(stage, 0.0) for one in rounds]), spread(waited) if waited else None)


def table(found: Results) -> Table:
    """A line a stage, the dearest first."""
    made = Table(title=f"µs a login, {found.options['logins']:,} logins, {found.options['rounds']} rounds")
    made.add_column("stage or thread")
    for column in ("CPU", "share", "elapsed"):
        made.add_column(column, justify="right")
    total = found.figures["microseconds"]
    for each in found.measured:
        cpu, elapsed = each["cpu"]["median"], each["elapsed"]
        waited = "" if elapsed is None else f"{elapsed['median']:.2f}"
        made.add_row(each["stage"], f"{cpu:.2f}", f"{cpu / total:.0%}", waited)
    made.add_row("all", f"{total:.2f}", "100%", "")
    return made


def plot(found: Results, path: Path) -> None:
    """A bar a stage; behind it how long the stage lasted, waiting included."""
    rows = found.measured[::-1]
    names = [each["stage"] for each in rows]
    with plots.drawn(path, found, "Where a worker's CPU goes") as [axes]:
        waited = [each["elapsed"]["median"] if each["elapsed"] else 0.0 for each in rows]
        axes.barh(names, waited, color=plots.COLOURS["others"], label="elapsed, of the main thread")
        axes.barh(names, [each["cpu"]["median"] for each in rows], 0.5, color=plots.COLOURS["worker"], label="CPU")
        axes.set_xlabel("µs a login")
        axes.legend()


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--logins", type=int, default=500_000, help="a round")
    parser.add_argument("--rounds", type=int, default=3, help="each with a worker of its own")


BENCHMARK = Benchmark("stages", __doc__ or "", _options, measure, table, plot)

if __name__ == "__main__":
    main(BENCHMARK)
