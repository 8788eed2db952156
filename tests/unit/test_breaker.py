"""The breaker: never more dead letters in a row than promised, never a stop without cause, however batches fall."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.logins.batch import Batch, Part
from processor.logins.breaker import Breaker, Stopped
from processor.logins.records import Reason, Rejected
from tests.twins.record import MemoryRecord

patient = settings(deadline=None)  # a busy machine takes its time
GOOD = "someone"

malformed = st.lists(st.booleans(), max_size=60)
stretches = st.lists(st.tuples(st.booleans(), st.integers(1, 15)), max_size=8).map(
    lambda runs: [bad for bad, length in runs for _ in range(length)]
)
traffic = malformed | stretches
sizes = st.lists(st.integers(1, 20), min_size=1, max_size=60)


def batch(first: int, bad: Sequence[bool], step: int = 1, reason: Reason = "json") -> Batch:
    """Records from an offset on, every `step`; those that are malformed have no value."""
    offsets = range(first, first + len(bad) * step, step)
    logins = [Rejected(reason, "") if is_bad else GOOD for is_bad in bad]
    values = [None if is_bad else b"v" for is_bad in bad]
    part = Part(0, [MemoryRecord((0, offset)) for offset in offsets], offsets[-1] + 1)
    return Batch(part, logins, values, values, None, sum(bad), 0)


def divided(count: int, lengths: Sequence[int]) -> list[range]:
    """Numbers below `count` in runs of these lengths, over and over."""
    runs, at = [], 0
    while at < count:
        length = lengths[len(runs) % len(lengths)]
        runs.append(range(at, min(count, at + length)))
        at += length
    return runs


def stops(breaker: Breaker, bad: Sequence[bool], lengths: Sequence[int], step: int = 1) -> list[int]:
    """Take everything, going on after each stop; which records were held back."""
    found: list[int] = []
    for run in divided(len(bad), lengths):
        at = run.start
        while at < run.stop:
            whole = batch(at * step, bad[at : run.stop], step)
            kept = breaker.limit(whole, committed=at * step)
            at += len(kept.users)
            if kept is not whole:
                assert at not in found, "it does not go on"
                found.append(at)
                breaker.resume(0)
    return found


def stops_by_definition(bad: Sequence[bool], records: int, allowed: int) -> list[int]:
    """Find the same with no regard to cost."""
    found: list[int] = []
    taken: list[bool] = []  # since the start, or since somebody said to go on
    lenient = False
    for at, is_bad in enumerate(bad):
        window = [*taken, is_bad][-records:]
        if not lenient and is_bad and sum(window) > allowed:
            found.append(at)
            taken, lenient = [], True
        taken.append(is_bad)
        if len(taken) >= records and sum(taken[-records:]) <= allowed:
            lenient = False
    return found


@patient
@given(traffic, sizes, st.integers(1, 12), st.integers(0, 12))
def test_of_so_many_records_in_a_row_no_more_than_the_share_go_out(
    bad: list[bool], lengths: list[int], records: int, allowed: int
) -> None:
    breaker = Breaker(records, min(allowed, records) / records)
    out: list[bool] = []
    for run in divided(len(bad), lengths):
        out += [login is not GOOD for login in breaker.limit(batch(run.start, bad[run.start : run.stop]), 0).users]
        if breaker.stopped:
            break

    assert all(sum(out[at : at + records]) <= allowed for at in range(len(out)))
    assert out == bad[: len(out)]
    assert breaker.stopped or len(out) == len(bad)


@patient
@given(traffic, sizes, st.integers(1, 12), st.integers(0, 12), st.integers(1, 3))
def test_it_stops_exactly_where_one_more_would_be_too_many_however_batches_fall(
    bad: list[bool], lengths: list[int], records: int, allowed: int, step: int
) -> None:
    allowed = min(allowed, records)

    found = stops(Breaker(records, allowed / records), bad, lengths, step)

    assert found == stops_by_definition(bad, records, allowed)


@patient
@given(traffic, sizes, st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)), max_size=5))
def test_what_is_looked_at_again_after_an_abort_counts_once(
    bad: list[bool], lengths: list[int], again: list[tuple[int, int]]
) -> None:
    breaker, undisturbed = Breaker(6, 0.5), Breaker(6, 0.5)
    for number, run in enumerate(divided(len(bad), lengths)):
        undisturbed.limit(batch(run.start, bad[run.start : run.stop]), 0)
        breaker.limit(batch(run.start, bad[run.start : run.stop]), 0)
        back, length = again[number % len(again)] if again else (0, 1)
        start = max(0, run.start - back)
        breaker.begin({0: start})
        if seen := bad[start : min(run.stop, start + length)]:
            breaker.limit(batch(start, seen), start)

        assert breaker.stopped == undisturbed.stopped
        if breaker.stopped:
            break


@patient
@given(traffic)
def test_good_traffic_never_stops(bad: list[bool]) -> None:
    mostly_good = [is_bad and at % 4 == 0 for at, is_bad in enumerate(bad)]

    assert stops(Breaker(12, 0.25), mostly_good, [7]) == []
    assert stops(Breaker(12, 1.0), bad, [7]) == []
    assert stops(Breaker(0, 0.0), bad, [7]) == []


def test_a_huge_batch_of_nothing_else_is_cut_after_as_many_as_are_allowed() -> None:
    breaker = Breaker(1000, 0.9)
    breaker.limit(batch(0, [False] * 10_000), 0)

    kept = breaker.limit(batch(10_000, [True] * 10_000), 10_000)

    assert (len(kept.users), kept.rejected, kept.part.end) == (900, 900, 10_900)
    assert breaker.stopped == {0: Stopped(0, 10_900, rejected=901, records=1000, reason="json")}


def test_it_tells_the_most_frequent_reason() -> None:
    breaker = Breaker(10, 0.5)
    breaker.limit(batch(0, [True] * 2), 0)
    breaker.limit(batch(2, [True] * 3, reason="timestamp"), 2)

    kept = breaker.limit(batch(5, [True], reason="empty"), 5)

    assert kept.users == []
    assert breaker.stopped == {0: Stopped(0, 5, rejected=6, records=6, reason="timestamp")}


def test_a_stopped_partition_stays_so_whatever_comes_until_told() -> None:
    breaker = Breaker(2, 0.5)
    assert len(breaker.limit(batch(0, [True, True]), 0).users) == 1

    assert breaker.limit(batch(1, [True, False, False]), 1).users == []
    assert breaker.limit(batch(7, [False]), 1).users == []
    breaker.resume(0)

    assert len(breaker.limit(batch(1, [True, True, True]), 1).users) == 3


def test_after_resume_it_stops_again_only_once_the_records_were_better() -> None:
    breaker = Breaker(10, 0.5)
    assert stops(breaker, [True] * 100, [7]) == [5]
    assert breaker.stopped == {}

    more = [*[True] * 20, *[False] * 5, *[True] * 30]

    assert [at - 100 for at in stops_from(breaker, 100, more)] == [30]


def stops_from(breaker: Breaker, first: int, bad: Sequence[bool]) -> list[int]:
    kept = breaker.limit(batch(first, bad), first)
    return [] if kept.part.end == first + len(bad) else [kept.part.end]


def test_what_went_out_before_this_process_is_not_looked_at() -> None:
    breaker = Breaker(4, 0.5)

    assert len(breaker.limit(batch(0, [True] * 10), committed=10).users) == 10
    assert len(breaker.limit(batch(0, [True] * 12), committed=10).users) == 12
    assert breaker.stopped == {}


@pytest.mark.parametrize(("committed", "known"), [({0: 2}, True), ({0: 0}, True), ({0: 3}, False), ({1: 2}, False)])
def test_a_partition_that_others_had_meanwhile_begins_afresh(committed: dict[int, int], known: bool) -> None:
    breaker = Breaker(4, 0.5)
    breaker.limit(batch(0, [True] * 3), 0)

    breaker.begin(committed)

    assert (breaker.stopped != {}) == known
