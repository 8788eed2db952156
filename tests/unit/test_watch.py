"""A partition that stands still while its log grows ends the worker; one that only looks like it does not."""

import pytest

from processor import watch
from processor.errors import Stalled, Unavailable
from processor.watch import StallWatch

SECONDS = 60.0


class Log:
    """A partition's log and the time, both in the test's hands."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.end = 10
        self.away = False
        self.now = 0.0
        self.watch = StallWatch(self._asked, SECONDS)
        monkeypatch.setattr(watch, "monotonic", lambda: self.now)

    def _asked(self, _partition: int) -> int:
        if self.away:
            raise Unavailable("nobody answers")
        return self.end

    def minute(self, position: int, end: int) -> None:
        """Let a minute pass with a worker at this position."""
        self.end = end
        self.watch.turn({0: position})
        self.now += SECONDS + 1
        self.watch.turn({0: position})


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    return Log(monkeypatch)


def test_standing_still_while_the_log_grows_is_a_stall(log: Log) -> None:
    log.minute(10, 10)
    log.minute(10, 11)
    with pytest.raises(Stalled):
        log.minute(10, 12)


def test_one_burst_that_is_never_taken_is_a_stall_too(log: Log) -> None:
    log.minute(10, 10)
    log.minute(10, 12)
    with pytest.raises(Stalled):
        log.minute(10, 12)


def test_a_record_that_came_just_before_the_look_is_none(log: Log) -> None:
    log.minute(10, 10)
    log.minute(10, 11)
    for position in range(11, 20):  # each record is taken right after the look that saw it
        log.minute(position, position)
        log.minute(position, position + 1)


def test_markers_at_the_end_are_none(log: Log) -> None:
    for _ in range(5):
        log.minute(10, 13)


def test_a_log_that_nobody_can_read_is_none(log: Log) -> None:
    log.minute(10, 10)
    log.away = True
    for _ in range(5):
        log.minute(10, 10)
