"""Where a partition starts, and each way in which it must not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from processor.logins.cursors import Lost, Positions, Start, start

AT_WORK = Positions(partition=3, committed=50, origin=0, cursors=[40, 45], low=10, high=60)

offset = st.integers(0, 20)
positions = st.builds(
    lambda committed, origin, cursors, ends: Positions(3, committed, origin, cursors, min(ends), max(ends)),
    st.none() | offset,
    st.none() | offset,
    st.lists(st.none() | offset, min_size=1, max_size=3),
    st.tuples(offset, offset),
)


def changed(**fields: object) -> Positions:
    return structs.replace(AT_WORK, **fields)


def refusal(at: Positions, accept_gap: bool = False) -> Lost:
    found = start(at, accept_gap)
    assert isinstance(found, Lost)
    assert "\n" not in found.message
    assert "partition 3" in found.message
    return found


def test_it_starts_at_the_lowest_of_all_positions() -> None:
    assert start(AT_WORK) == Start(40, 50, 0)
    assert start(changed(cursors=[55, 58])) == Start(50, 50, 0)


def test_a_new_group_starts_at_the_logs_first_offset_which_is_its_origin_from_then_on() -> None:
    assert start(changed(committed=None, origin=None, cursors=[None, None])) == Start(10, 10, 10)


def test_a_missing_cursor_means_that_nothing_since_the_origin_is_counted() -> None:
    assert start(changed(origin=12, cursors=[40, None])) == Start(12, 50, 12)


def test_offsets_that_something_else_committed_have_the_logs_first_offset_for_an_origin() -> None:
    assert start(changed(origin=None, cursors=[40, None])) == Start(10, 50, 10)


def test_counts_without_a_committed_offset_are_refused() -> None:
    lost = refusal(changed(committed=None))
    assert "counts up to offset 45 but no committed offset" in lost.message
    assert not lost.may_pass
    refusal(changed(committed=None, cursors=[None, 0], low=0))


@pytest.mark.parametrize("beyond", [{"committed": 61}, {"cursors": [40, 61]}, {"cursors": [None], "origin": 61}])
def test_a_position_beyond_the_logs_end_is_refused_if_it_stays(beyond: dict[str, object]) -> None:
    lost = refusal(changed(**beyond))
    assert "at offset 61, beyond its log's end 60" in lost.message
    assert lost.may_pass


def test_positions_at_the_logs_end_are_fine() -> None:
    assert start(changed(committed=60, cursors=[60, 60])) == Start(60, 60, 0)


@pytest.mark.parametrize(
    "below", [{"committed": 8, "cursors": [10, 10]}, {"cursors": [8, 45]}, {"cursors": [None, 45], "origin": 8}]
)
def test_a_position_below_the_logs_first_offset_is_refused_until_a_person_accepts_the_gap(
    below: dict[str, object],
) -> None:
    at = changed(**below)
    lost = refusal(at)
    assert "2 records can't be processed or counted" in lost.message
    assert "accept_gap" in lost.message
    assert not lost.may_pass

    found = start(at, accept_gap=True)
    assert isinstance(found, Start)
    assert (found.offset, found.committed, found.gap) == (10, at.committed, 2)


def test_accepting_gaps_accepts_nothing_else() -> None:
    refusal(changed(committed=None), accept_gap=True)
    refusal(changed(committed=61), accept_gap=True)


@given(positions, st.booleans())
def test_nothing_that_a_sink_lacks_lies_before_a_start_unless_it_is_said(at: Positions, accept_gap: bool) -> None:
    found = start(at, accept_gap)

    if isinstance(found, Start):
        lacks = [at.low if at.committed is None else at.committed, *(c for c in at.cursors if c is not None)]
        lacks += [found.origin] if None in at.cursors else []
        assert at.low <= found.offset <= at.high
        assert found.gap == max(0, at.low - min(lacks))
        assert found.offset == min(lacks) + found.gap
        assert accept_gap or not found.gap
        assert found.committed == (at.low if at.committed is None else at.committed)


@given(positions)
def test_only_what_does_not_fit_is_refused(at: Positions) -> None:
    known = [p for p in (at.committed, *at.cursors) if p is not None]
    fits = all(at.low <= position <= at.high for position in known)
    fits = fits and (at.committed is not None or set(at.cursors) == {None})
    fits = fits and (at.committed is None or at.origin is None or at.low <= at.origin <= at.high)

    assert isinstance(start(at), Start) or not fits
