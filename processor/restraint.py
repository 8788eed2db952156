"""Growing pauses for a process that keeps dying, so that its supervisor may restart it at once and for ever.

The pause lies at the start of the next run: `kill -9` and a crash leave no chance to do anything at the end.
"""

import os
import random
import time
from contextlib import suppress
from pathlib import Path

from processor import log

_LONGEST_SECONDS = 60.0
_BLIND_SECONDS = 10.0  # each time, where nothing can be remembered


def pause_seconds(deaths: int, share: float) -> float:
    """Say how long to wait after so many deaths in a row: 0, 1, 2, 4 … 60 s, less `share` (0 to 1) of a quarter.

    Processes that died together do not come back in step.
    """
    if deaths < 2:
        return 0.0
    return min(_LONGEST_SECONDS, 2.0 ** min(deaths - 2, 10)) * (1 - share / 4)


class Restraint:
    """Remembers, in a file of its own, how many runs of one process in a row died before they had settled."""

    def __init__(self, run_directory: str, name: str) -> None:
        self._file = Path(run_directory) / f"{name}.deaths"
        self._settled = False

    def hold(self) -> None:
        """Wait as long as earlier deaths ask for; what a signal handler raises ends the wait."""
        deaths = self._deaths()
        pause = pause_seconds(deaths, random.random())  # noqa: S311 (no secret)
        try:
            self._remember(deaths + 1)  # this run, until it has settled
        except OSError as problem:
            pause = _BLIND_SECONDS
            log.warning("can't remember deaths: waiting before each start", file=str(self._file), why=problem.strerror)
        if pause:
            log.event("held back, because earlier runs died early", deaths=deaths, seconds=round(pause, 1))
            time.sleep(pause)

    def settled(self) -> None:
        """Forget all deaths: this run works, or was ended in order."""
        if not self._settled:
            self._settled = True
            with suppress(OSError):  # remembered deaths cost the next start a pause, no more
                self._file.unlink(missing_ok=True)

    def _deaths(self) -> int:
        try:
            return max(0, int(self._file.read_bytes()))
        except (OSError, ValueError):
            return 0

    def _remember(self, deaths: int) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123 (the mode)
            file.write(str(deaths))
        new.replace(self._file)
