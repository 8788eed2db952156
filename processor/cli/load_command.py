"""`data-processor load`: JSON lines into the input topic, byte for byte."""

from collections.abc import Iterator
from io import RawIOBase
from typing import Annotated

import typer

_PIECE_BYTES = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(load)


def load(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="One login a line; - reads what is piped in.")],
) -> None:
    """Write each line of a file to the input topic, byte for byte, keyed by its user where one can be read.

    A line that is no login is written too: the pool makes a dead letter of it. Lines without any byte are skipped.

    Exit code 0 when Kafka has acknowledged all, 4 when it does not answer or the topic does not exist, 5 when lines
    were left out because the topic does not take such large ones.
    """
    from processor.cli import console, feeding
    from processor.logins.lines import Lines

    settings = console.settings()
    with _opened(file) as stream:
        lines = Lines(_pieces(file, stream))
        bar = feeding.bar("bytes", _size(stream), done=lambda: lines.bytes)
        feeding.send(settings, lines.records(), bar, more=lambda: _skipped(lines.skipped))


def _opened(file: str) -> RawIOBase:
    from pathlib import Path

    try:
        return open(0, "rb", buffering=0, closefd=False) if file == "-" else Path(file).open("rb", buffering=0)
    except OSError as problem:
        raise typer.BadParameter(f"{file}: {problem.strerror}", param_hint="FILE") from None


def _pieces(file: str, stream: RawIOBase) -> Iterator[bytes]:
    """What is there, piece by piece, without waiting for a piece to be full."""
    from processor.errors import DataProcessorError

    try:
        while piece := stream.read(_PIECE_BYTES):
            yield piece
    except OSError as problem:
        raise DataProcessorError(f"{file} can't be read any further: {problem.strerror}") from problem


def _size(stream: RawIOBase) -> int | None:
    """Bytes of a file, None of a pipe."""
    import os
    import stat

    known = os.fstat(stream.fileno())
    return known.st_size if stat.S_ISREG(known.st_mode) else None


def _skipped(empty_lines: int) -> str:
    return f"; empty lines skipped: {empty_lines:,}" if empty_lines else ""
