"""What commands share: the settings, and printing. rich is imported only where something is drawn."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from processor import config
from processor.config.roles import OPERATOR
from processor.errors import DataProcessorError, Denied
from processor.settings import Settings

if TYPE_CHECKING:
    from rich.progress import Progress


def loaded(path: Path | None = None, role: str = OPERATOR) -> config.Loaded:
    """Return the configuration with its origins, librdkafka's own keys checked too; raises ConfigurationError."""
    from processor.kafka import properties

    found = config.load(os.environ, path, role)
    properties.check(found.settings, found.origins)
    return found


def settings() -> Settings:
    """Return the settings in force; --config has set DATA_PROCESSOR_CONFIG by then."""
    return loaded().settings


def explained(problem: DataProcessorError, in_force: Settings | None = None, role: str = OPERATOR) -> str:
    """Tell a problem in one line; a denial of Kafka's with the rights that are missing, which is asked of it."""
    if not isinstance(problem, Denied):
        return str(problem)
    from processor.kafka import denied

    return str(denied.explained(problem, in_force or settings(), role))


def insist(question: str, otherwise: str) -> None:
    """Ask on stderr; raises Refused, saying `otherwise`, unless the answer is yes. A stdin at its end answers no."""
    import typer

    from processor.errors import Refused

    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        print(file=sys.stderr)  # the question stands there still
        agreed = False
    if not agreed:
        raise Refused(otherwise)


def print_json(value: object) -> None:
    """Print one JSON document for scripts."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None) -> None:
    """Print a table; numbers stand to the right, and nothing is cut off where the output is no terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, header_style="bold", pad_edge=False)
    lines = [list(row) for row in rows]
    for number, column in enumerate(columns):
        numeric = bool(lines) and all(isinstance(line[number], int | float) for line in lines)
        table.add_column(column, justify="right" if numeric else "left", no_wrap=True)
    for line in lines:
        table.add_row(*(Text(f"{cell:,}" if isinstance(cell, int | float) else str(cell)) for cell in line))
    terminal = Console()
    console = terminal if terminal.is_terminal else Console(width=10_000)  # a pipe has no width, rich takes it for 80
    console.print(table)


@contextmanager
def progress(unit: str) -> Iterator["Progress"]:
    """Draw bars on stderr while the block runs: `bars.add_task("reading", total=n)`, then `bars.advance(task, k)`."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        yield bars
