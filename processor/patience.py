"""Questions to a system under load: a single one may go unanswered for a moment."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

from processor.errors import Unavailable

T = TypeVar("T")

_SECONDS = 30.0  # a vanished worker's transaction is open for twenty at most
_PAUSE_SECONDS = 0.1


class Moved(Unavailable):
    """What is audited moved in a way that can't be followed, as a Redis that went back: the audit begins again."""


def persist(ask: Callable[[], T], seconds: float = _SECONDS) -> T:
    """Ask until there is an answer; raises the last Unavailable when none came in time."""
    deadline = monotonic() + seconds
    while True:
        try:
            return ask()
        except Unavailable:
            if monotonic() > deadline:
                raise
            sleep(_PAUSE_SECONDS)
