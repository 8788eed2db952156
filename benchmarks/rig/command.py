"""What all benchmarks' command lines share: options, progress, table, JSON, plot, and the floors."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from benchmarks.rig import floors, results
from benchmarks.rig.failed import Failed
from benchmarks.rig.results import Results
from deploy.local.problem import Problem
from processor.errors import DataProcessorError

BROKEN, UNKNOWN, INTERRUPTED = 1, 3, 130
_OWN = {"json", "check", "results"}


class Measured(Struct, frozen=True):
    """What a benchmark found: rows for the table and the plot, and the figures that floors are for."""

    rows: Sequence[Struct]
    figures: dict[str, float]


class Benchmark(Struct, frozen=True):
    """A benchmark, as its command needs it."""

    name: str
    purpose: str
    options: Callable[[argparse.ArgumentParser], None]
    measure: Callable[[argparse.Namespace, Progress], Measured]
    table: Callable[[Results], Table]
    plot: Callable[[Results, Path], None]


def main(benchmark: Benchmark) -> NoReturn:
    """Be the program: `run`, with SIGTERM taken for Ctrl-C, so that nothing is left behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(benchmark))


def run(benchmark: Benchmark, arguments: Sequence[str] | None = None) -> int:
    """Measure, show and save; the exit code: 0, 1 when --check finds a floor broken, 3 when it can't be known."""
    options = _parser(benchmark).parse_args(arguments)
    _forget_settings()
    errors = Console(stderr=True, soft_wrap=True)
    try:
        with _progress() as progress:
            measured = benchmark.measure(options, progress)
        told = {name: value for name, value in vars(options).items() if name not in _OWN}
        found = results.results(benchmark.name, told, measured.rows, measured.figures)
        _show(benchmark, found, options)
        results.save(found, options.results)
        benchmark.plot(found, options.results / f"{benchmark.name}.png")
    except (Failed, Problem, DataProcessorError) as problem:
        errors.print(f"benchmarks/{benchmark.name}: {problem}", style="red", markup=False, highlight=False)
        return UNKNOWN
    except KeyboardInterrupt:
        return INTERRUPTED
    lines = floors.broken(floors.floors(benchmark.name), found.figures) if options.check else []
    for line in lines:
        errors.print(f"a floor is broken: {line}", style="red", markup=False, highlight=False)
    return BROKEN if lines else 0


def _parser(benchmark: Benchmark) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"benchmarks/{benchmark.name}",
        description=benchmark.purpose,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    benchmark.options(parser)
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of a table")
    parser.add_argument(
        "--check", action="store_true", help="exit 1 when a floor of floors.toml is broken, and say which"
    )
    parser.add_argument(
        "--results", type=Path, default=results.RESULTS, metavar="FOLDER", help="where JSON and plot go"
    )
    return parser


def _forget_settings() -> None:
    """What a developer has set for a pool of their own must not reach the one that is measured."""
    for name in [name for name in os.environ if name.startswith("DATA_PROCESSOR_")]:
        del os.environ[name]


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True))


def _show(benchmark: Benchmark, found: Results, options: argparse.Namespace) -> None:
    if options.json:
        print(results.written(found))
        return
    console = Console() if sys.stdout.isatty() else Console(width=160)  # a pipe has no width, rich takes it for 80
    console.print(benchmark.table(found))
    for name, figure in found.figures.items():
        console.print(f"{name} = {figure:g}", highlight=False)
