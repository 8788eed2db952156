"""Waiting for what other processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

from benchmarks.rig.failed import Failed

T = TypeVar("T")


def until(what: str, holds: Callable[[], T], seconds: float = 300.0, pause: float = 0.05) -> T:
    """Ask again and again until the answer is true, and return it; raises Failed after so long."""
    deadline = time.monotonic() + seconds
    while not (answer := holds()):
        if time.monotonic() > deadline:
            raise Failed(f"not within {seconds:.0f} s: {what}; last seen: {answer!r}")
        time.sleep(pause)
    return answer
