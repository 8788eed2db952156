"""Latency is joined from what three processes saw: the joining must neither lose a login nor count one twice."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rig.delays import milliseconds, until_passed, until_seen
from benchmarks.rig.failed import Failed
from benchmarks.rig.passed import Passed
from benchmarks.rig.seen import Seen

RUNS = st.lists(st.integers(1, 5), min_size=1, max_size=10)  # so many logins of one stamp
CUTS = st.sets(st.integers(1, 50), max_size=10)


def test_logins_before_the_warm_up_was_over_do_not_count() -> None:
    seen = [Seen(at=50, partition=0, mark=10, records=3), Seen(at=60, partition=0, mark=20, records=2)]

    assert until_seen(seen, since=20) == [(40, 2)]


@given(RUNS, CUTS)
def test_each_login_waits_for_the_first_position_beyond_it(runs: list[int], cuts: set[int]) -> None:
    base, logins = 100, sum(runs)
    seen = [Seen(at=0, partition=0, mark=number, records=run) for number, run in enumerate(runs)]
    ends = sorted({cut for cut in cuts if cut < logins} | {logins})
    passed = [Passed(at=1000 * end, partition=0, offset=base + end) for end in ends]

    found = until_passed(seen, {0: base}, passed, since=0)

    stamps = [number for number, run in enumerate(runs) for _ in range(run)]
    wanted = [1000 * min(end for end in ends if end > at) - stamp for at, stamp in enumerate(stamps)]
    assert Counter({}) + _expanded(found) == Counter(wanted)


def _expanded(found: list[tuple[int, int]]) -> Counter[int]:
    counted: Counter[int] = Counter()
    for delay, logins in found:
        counted[delay] += logins
    return counted


def test_partitions_are_joined_each_by_itself() -> None:
    seen = [Seen(at=0, partition=p, mark=0, records=1) for p in (1, 0)]
    passed = [Passed(at=5, partition=0, offset=1), Passed(at=7, partition=1, offset=31)]

    assert sorted(until_passed(seen, {0: 0, 1: 30}, passed, since=0)) == [(5, 1), (7, 1)]


def test_a_login_that_was_never_counted_is_an_error() -> None:
    seen = [Seen(at=0, partition=0, mark=0, records=2)]

    with pytest.raises(Failed, match="no position passed offset 1"):
        until_passed(seen, {0: 0}, [Passed(at=5, partition=0, offset=1)], since=0)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 9)), min_size=1, max_size=30), st.floats(0.1, 100))
def test_a_percentile_is_the_nearest_rank_of_all_logins(delays: list[tuple[int, int]], percent: float) -> None:
    each = sorted(delay for delay, logins in delays for _ in range(logins))
    rank = next(rank for rank in range(1, len(each) + 1) if rank * 100 >= len(each) * percent)

    assert milliseconds(delays, [percent]) == [each[rank - 1] / 1e6]
