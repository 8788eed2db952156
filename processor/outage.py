"""Growing pauses while a system does not answer: a log line when it begins, seldom one meanwhile, one when it ends."""

import random
import time

from processor.clock import Clock
from processor.errors import DataProcessorError
from processor.log import event, warning

_LONGEST_SECONDS = 2.0
_REMIND_SECONDS = 60.0  # whoever reads only the log's end must see what is waited for


class Outage:
    """The state of one system as seen from here; `over` says whether the next try is due."""

    def __init__(self, doing: str, clock: Clock = time) -> None:
        self._doing = doing
        self._clock = clock
        self._began: float | None = None
        self._said = 0.0
        self._next = 0.0
        self._pause = 0.05

    @property
    def over(self) -> bool:
        """Whether there is no outage, or its pause has passed."""
        return self._began is None or self._clock.monotonic() >= self._next

    def failed(self, problem: DataProcessorError) -> None:
        """A try failed: pause before the next, longer each time, with jitter so that workers do not march in step."""
        now = self._clock.monotonic()
        if self._began is None:
            self._began = self._said = now
            event(f"waiting: {self._doing}", why=str(problem))
        elif now - self._said >= _REMIND_SECONDS:
            self._said = now
            warning(f"still waiting: {self._doing}", why=str(problem), for_seconds=round(now - self._began))
        pause = self._pause * random.uniform(0.5, 1.0)  # noqa: S311  # no secret
        self._next = now + pause
        self._pause = min(2 * self._pause, _LONGEST_SECONDS)

    def ended(self) -> None:
        """A try succeeded."""
        if self._began is not None:
            event(f"going on: {self._doing}", after_seconds=round(self._clock.monotonic() - self._began, 1))
        self._began, self._pause = None, 0.05
