"""The clock of durations and pauses; handed in, so that a test can let time pass without waiting."""

from typing import Protocol


class Clock(Protocol):
    """What is needed of a clock; the module `time` is one."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def sleep(self, seconds: float, /) -> None:
        """Return after so many seconds."""
