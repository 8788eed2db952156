import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rig.burst import Cost, done, shares
from benchmarks.rig.costs import ratio, summed


@given(st.dictionaries(st.sampled_from(["worker", "redis", "broker"]), st.floats(0, 3), min_size=1), st.floats(0, 4))
def test_shares_name_all_of_the_cores_time(spent: dict[str, float], others: float) -> None:
    found = shares(spent, sum(spent.values()) + others, available=20.0)

    assert sum(found.values()) == pytest.approx(1.0)
    assert min(found.values()) >= 0


def test_the_marker_of_an_earlier_release_is_no_login() -> None:
    # Partition 0 had 10 logins and their marker before; 5 follow. Partition 1 had none.
    assert done({0: 10, 1: 0}, {0: 16, 1: 7}) == 12
    assert done({0: 10, 1: 0}, {0: 10, 1: 0}) == 0


def cost(worker: float, redis: float) -> Cost:
    return Cost(1000.0, {"worker": worker, "redis": redis, "broker": 9.0}, {"worker": 0.5}, 40.0, 80.0)


def test_what_is_paid_for_is_the_workers_and_redis() -> None:
    assert ratio([cost(2.0, 1.0), cost(5.0, 1.0)], [cost(1.0, 0.5), cost(2.0, 1.0)]) == 2.0


def test_rounds_are_summed_up_group_by_group() -> None:
    found = summed([cost(2.0, 1.0), cost(4.0, 3.0), cost(3.0, 2.0)])

    assert found.microseconds["worker"].values == [2.0, 4.0, 3.0]
    assert found.microseconds["worker"].median == 3.0
    assert found.shares["worker"].median == 0.5
