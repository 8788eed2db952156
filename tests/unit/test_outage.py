"""Pauses grow while a system is away, and a person reads one line when it begins and one when it ends."""

import logging

import pytest

from processor.errors import Unavailable
from processor.outage import Outage
from tests.model.hand import HandClock

AWAY = Unavailable("nobody answers")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def pause(outage: Outage, clock: HandClock) -> float:
    """How long after a failure the next try is due."""
    outage.failed(AWAY)
    failed = clock.now
    while not outage.over:
        clock.sleep(0.001)
    return clock.now - failed


def test_the_first_try_is_due_at_once(clock: HandClock) -> None:
    assert Outage("trying", clock).over


def test_pauses_double_up_to_two_seconds_with_up_to_half_of_each_left_out(clock: HandClock) -> None:
    outage = Outage("trying", clock)

    pauses = [pause(outage, clock) for _ in range(12)]

    for found, longest in zip(pauses, [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, *[2.0] * 6], strict=True):
        assert longest / 2 <= found <= longest + 0.01


def test_workers_do_not_march_in_step(clock: HandClock) -> None:
    assert len({round(pause(Outage("trying", clock), clock), 3) for _ in range(20)}) > 3


def test_after_a_success_the_next_try_is_due_and_pauses_begin_anew(clock: HandClock) -> None:
    outage = Outage("trying", clock)
    for _ in range(8):
        pause(outage, clock)
    outage.failed(AWAY)

    outage.ended()

    assert outage.over
    assert pause(outage, clock) < 0.1


def test_one_line_says_that_it_began_and_why_and_one_that_it_ended_and_when(
    clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "processor")
    outage = Outage("reaching Redis", clock)
    outage.ended()
    for _ in range(5):
        outage.failed(AWAY)
    clock.sleep(7)
    outage.ended()
    outage.ended()

    said = [(record.message, record.facts) for record in caplog.records]  # type: ignore[attr-defined]
    assert said == [
        ("waiting: reaching Redis", {"why": "nobody answers"}),
        ("going on: reaching Redis", {"after_seconds": 7.0}),
    ]


def test_a_long_wait_is_told_again_each_minute_with_its_present_reason(
    clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "processor")
    outage = Outage("trying", clock)
    for _ in range(150):
        pause(outage, clock)
        clock.sleep(1.0)
    outage.failed(Unavailable("something else"))

    said = [(record.getMessage(), record.levelname) for record in caplog.records]

    assert said[0] == ("waiting: trying", "INFO")
    assert 4 <= len(said) - 1 <= 7, "of six minutes or so"
    assert set(said[1:]) == {("still waiting: trying", "WARNING")}
