"""Progress bars for what takes a while, drawn where somebody looks."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from processor.cli import console

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress


class Steps(Protocol):
    """Who is told how far it is."""

    def begin(self, step: str, total: int | None) -> Callable[[int], None]:
        """Begin a step; the answer is called with how many more are done."""


class Bars:
    """One bar a step, on stderr; what begins again draws new ones."""

    def __init__(self, bars: "RichProgress") -> None:
        self._bars = bars

    def begin(self, step: str, total: int | None) -> Callable[[int], None]:
        """Begin a step."""
        task = self._bars.add_task(step, total=total)
        return lambda done: self._bars.advance(task, done)


class Silence:
    """No bars: the output is no terminal."""

    def begin(self, step: str, total: int | None) -> Callable[[int], None]:  # noqa: ARG002 (as Steps has it)
        """Begin a step."""
        return lambda _done: None


@contextmanager
def bars(unit: str) -> Iterator[Steps]:
    """Draw while the block runs."""
    if not sys.stderr.isatty():
        yield Silence()
        return
    with console.progress(unit) as drawn:
        yield Bars(drawn)
