"""Named points in the code at which a test may kill or stop the process, by a signal; off, one costs a comparison."""

import os
import signal
from collections.abc import Mapping

VARIABLE = "DATA_PROCESSOR_CRASH_AT"


class _Armed:
    """Which point acts, how often it may still be passed before it does, and whether it stops instead of killing."""

    point = ""
    passes = 0
    stops = False


def arm(environ: Mapping[str, str]) -> None:
    """Read from the environment where to die: `flusher.after-commit`, or with `:3` after it, at the third time.

    `flusher.after-commit:3:STOP` stops there, once; SIGCONT wakes up a process that believes that no time has passed.
    """
    point, times, stop, *_ = [*environ.get(VARIABLE, "").split(":"), "", ""]
    _Armed.point, _Armed.passes, _Armed.stops = point, int(times or 1) - 1, stop == "STOP"


def reach(point: str) -> None:
    """Say that a point was reached: nothing happens, unless this process was armed to die or to stop here."""
    if point == _Armed.point:
        _die_or_pass()


def _die_or_pass() -> None:
    if _Armed.passes:
        _Armed.passes -= 1
    elif _Armed.stops:
        _Armed.point = ""
        os.kill(os.getpid(), signal.SIGSTOP)
    else:
        os.kill(os.getpid(), signal.SIGKILL)
