"""For how long a login has been waiting, as far as it can be known from outside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.exporter.arrivals import Arrivals, update


def test_what_is_at_the_end_does_not_wait() -> None:
    log = Arrivals()
    log.seen(10, [10], 100.0)

    assert log.lag(10, 105.0) == 0.0
    assert log.lag(11, 105.0) == 0.0
    assert log.unsure() is None


def test_a_record_arrived_between_the_looks_that_did_not_and_did_show_it() -> None:
    log = Arrivals()
    log.seen(10, [10], 100.0)
    log.seen(10, [10], 200.0)  # nothing new until here
    log.seen(20, [10], 210.0)

    assert log.lag(10, 300.0) == pytest.approx(100.0)
    assert log.lag(15, 300.0) == pytest.approx(95.0)


def test_what_was_there_before_the_first_look_is_unknown_until_the_record_is_looked_at() -> None:
    log = Arrivals()
    log.seen(10, [3], 100.0)

    assert log.lag(3, 100.0) is None
    assert log.unsure() == 3

    log.told(3, 40.0)

    assert log.lag(3, 100.0) == 60.0
    assert log.unsure() is None


def test_a_position_that_moves_needs_no_look_at_records_and_one_that_stands_does() -> None:
    log = Arrivals()
    log.seen(0, [0], 100.0)
    log.seen(10, [4], 101.0)
    assert log.unsure() is None

    log.seen(12, [4], 102.0)

    assert log.unsure() == 4


def test_markers_are_no_lag_until_the_log_grows() -> None:
    log = Arrivals()
    log.seen(0, [0], 100.0)
    log.seen(10, [9], 101.0)
    log.seen(10, [9], 102.0)
    log.told(9, None)

    assert log.lag(9, 200.0) == 0.0

    log.seen(11, [9], 201.0)

    assert log.lag(9, 202.0) > 0  # type: ignore[operator]
    assert log.unsure() == 9


def test_the_time_seen_wins_over_a_time_stamp_that_a_record_brought_along() -> None:
    log = Arrivals()
    log.seen(0, [0], 100.0)
    log.seen(10, [4], 101.0)
    log.told(4, 5.0)  # redriven: its time stamp is that of its first coming

    assert log.lag(4, 102.0) == pytest.approx(1.6)


def test_a_topic_made_anew_forgets_what_was_seen() -> None:
    log = Arrivals()
    log.seen(10, [5], 100.0)
    log.told(5, 50.0)
    log.seen(6, [5], 101.0)

    assert log.lag(5, 101.0) is None


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0.1, 10)), min_size=2, max_size=60), st.data())
def test_a_lag_is_never_negative_and_falls_with_the_position(
    steps: list[tuple[int, float]], data: st.DataObject
) -> None:
    log, end, now = Arrivals(), 0, 0.0
    log.seen(end, [0], now)
    for grown, passed in steps:
        end, now = end + grown, now + passed
        log.seen(end, [0], now)
    low, high = sorted(data.draw(st.tuples(st.integers(0, end), st.integers(0, end))))

    first, second = log.lag(low, now), log.lag(high, now)

    assert first is not None
    assert second is not None
    assert now >= first >= second >= 0


def test_what_is_remembered_of_a_log_is_bounded_and_its_beginning_stays() -> None:
    log = Arrivals()
    for at in range(10_000):
        log.seen(at, [0], float(at))

    assert len(log._ends) <= 1_001
    assert log.lag(0, 10_000.0) == pytest.approx(9_999.0, abs=1)
    assert log.lag(9_990, 10_000.0) == pytest.approx(10.0)


def test_partitions_come_and_go() -> None:
    logs: dict[int, Arrivals] = {}
    update(logs, [0, 1])
    kept = logs[1]

    update(logs, [1, 2])

    assert set(logs) == {1, 2}
    assert logs[1] is kept
