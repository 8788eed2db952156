"""How a process is told to stop: by SIGTERM or SIGINT, from its first moment on."""

import signal
from collections.abc import Callable
from time import monotonic, sleep

_NAP_SECONDS = 0.05  # a stop is noticed so soon


class Stop:
    """Whether SIGTERM or SIGINT came; a bare flag, as an Event set by a handler can lock up the wait it interrupts."""

    def __init__(self, when_asked: Callable[[], None]) -> None:
        self.asked = False
        self._when_asked = when_asked
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def wait(self, seconds: float) -> None:
        """Sleep, but no longer than until a stop is asked for."""
        deadline = monotonic() + seconds
        while not self.asked and (left := deadline - monotonic()) > 0:
            sleep(min(left, _NAP_SECONDS))

    def _ask(self, *_: object) -> None:
        self.asked = True
        self._when_asked()
