"""What ends a process that would otherwise go on wrongly: another topic under the old name, or standing still."""

import faulthandler
import os
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from time import monotonic
from typing import Any

from msgspec import Struct

from processor.errors import Exit, Stalled, TopicChanged, Unavailable
from processor.log import event

_EVERY_SECONDS = 5.0


class TopicWatch:
    """Asks for the input topic's id every few seconds, without waiting for the answer.

    A running consumer goes on at the old offset of a topic made anew, without an error and without a rebalance.
    """

    def __init__(self, ask: "Callable[[], Future[Any]]", topic: str, known: str) -> None:
        self._ask = ask
        self._topic = topic
        self._known = known
        self._next = monotonic() + _EVERY_SECONDS
        self._answer: Future[Any] | None = None

    def turn(self) -> None:
        """Raise TopicChanged once the topic is another one; a topic that is not there may still come back."""
        if self._answer is not None and self._answer.done():
            self._hear(self._answer)
        elif self._answer is None and monotonic() >= self._next:
            self._answer = self._ask()

    def look(self) -> None:
        """Ask and wait for the answer: what looks like a lost position may be another topic."""
        self._answer = self._answer or self._ask()
        wait([self._answer], _EVERY_SECONDS)
        self.turn()

    def close(self) -> None:
        """Wait for an answer under way: a client that is destroyed under its own question may crash the process."""
        if self._answer is not None:
            wait([self._answer], _EVERY_SECONDS)

    def _hear(self, answer: "Future[Any]") -> None:
        self._answer, self._next = None, monotonic() + _EVERY_SECONDS
        if answer.exception() is None and str(answer.result().topic_id) != self._known:
            raise TopicChanged(
                f"topic {self._topic} was deleted and made anew: offsets and counts belong to the old one. "
                "Start over with `data-processor reset`"
            )


class StallWatch:
    """Notices a partition that stands still while its log grows: seen with clients that look healthy."""

    def __init__(self, end: Callable[[int], int], seconds: float) -> None:
        self._end = end
        self._seconds = seconds
        self._seen: dict[int, _Seen] = {}

    @property
    def stalled(self) -> int:
        """How many partitions stood still at the last look while their logs grew."""
        return sum(seen.grown for seen in list(self._seen.values()))

    def turn(self, positions: Mapping[int, int]) -> None:
        """Raise Stalled; `positions` is empty while paused or looking for the place: that does not count."""
        now = monotonic()
        self._seen = {p: seen for p, seen in self._seen.items() if positions.get(p) == seen.position}
        for partition, position in positions.items():
            if partition not in self._seen:
                self._seen[partition] = _Seen(position, now)
            elif now - self._seen[partition].since > self._seconds:
                self._look(partition, self._seen[partition], now)

    def _look(self, partition: int, seen: "_Seen", now: float) -> None:
        """The end must have moved between two looks: transaction markers at rest are no stall.

        And what it moved by must be as old as a look: a record may have come just before this one.
        """
        try:
            end = self._end(partition)
        except Unavailable:  # nobody can read that log now: standing still is right
            self._seen[partition] = _Seen(seen.position, now)
            return
        if seen.grown:
            raise Stalled(
                f"partition {partition} stands at offset {seen.position} while its log grew to {end} "
                f"more than {self._seconds:.0f} s ago: starting anew"
            )
        self._seen[partition] = _Seen(seen.position, now, end, grown=0 <= seen.end < end)


class _Seen(Struct, frozen=True):
    """Where a partition stands since when, its log's end at the last look, and whether that had grown by then."""

    position: int
    since: float
    end: int = -1
    grown: bool = False


class TurnWatch(threading.Thread):
    """Ends the process when a turn takes too long: a call into a client may never return (librdkafka#5456)."""

    def __init__(self, seconds: float) -> None:
        super().__init__(name="turn-watch", daemon=True)
        self._seconds = seconds
        self._deadline = monotonic() + seconds
        self._leaving = False

    def turned(self) -> None:
        """A turn was completed; while leaving, that is no reason for more time."""
        if not self._leaving:
            self._deadline = monotonic() + self._seconds

    def leave_within(self, seconds: float) -> None:
        """The process must be gone by then."""
        self._leaving, self._seconds = True, seconds
        self._deadline = monotonic() + seconds

    def run(self) -> None:
        """Look once a second."""
        pause = threading.Event()
        while not pause.wait(1.0):
            if monotonic() > self._deadline:
                event("a call did not return in time: leaving without it", seconds=self._seconds)
                faulthandler.dump_traceback(sys.stderr)
                os._exit(Exit.STALLED)
