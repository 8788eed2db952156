"""What injectors wait for and look at; every wait has an end, and an error that says what did not happen."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.chaos.stage import Stage

# What has not come about after so long does not come about by itself. Nobody is measured by it: a machine may be busy.
PATIENCE_SECONDS = 300.0


def until(what: str, holds: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait until `holds` answers something true, and return that; AssertionError when it does not."""
    deadline = time.monotonic() + seconds
    while not (answer := holds()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.02)
    return answer


def progress(stage: Stage, since: float, seconds: float = PATIENCE_SECONDS) -> float:
    """Seconds from a moment until every partition had a record processed after it; AssertionError when one has not."""
    took = stage.progress(since, frozenset(range(stage.partitions)), seconds)
    assert took is not None, f"after {seconds:.0f} s not every partition has moved on: {stage.reader.last_progress()}"
    return took


def arrivals(stage: Stage, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until every partition shows something new, whatever its worker's clock says."""
    began, partitions = time.time(), range(stage.partitions)
    latest = stage.reader.last_arrival
    until("every partition shows records", lambda: min(latest().get(p, 0) for p in partitions) > began, seconds)


def state(pid: int) -> str:
    """The state letter as ps(1) shows it: T is stopped; empty when the process is gone, or dead and not reaped."""
    try:
        letter = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return ""
    return "" if letter in "ZX" else letter


def stopped(pid: int, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a process stands still."""
    until(f"process {pid} stops", lambda: state(pid) == "T", seconds)


def gone(pid: int, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a process has ended."""
    until(f"process {pid} ends", lambda: not state(pid), seconds)
