from tests.chaos.faults import FAULTS
from tests.chaos.faults.points import points


def test_every_point_of_the_pool_is_a_fault() -> None:
    forgotten = [point for point in points() if f"killed-at-{point.replace('.', '-')}" not in FAULTS]

    assert points()
    assert forgotten == []


def test_every_point_of_a_worker_may_also_stop_it() -> None:
    of_workers = [point for point in points() if point.startswith("worker.")]

    assert [point for point in of_workers if f"stopped-at-{point.replace('.', '-')}" not in FAULTS] == []
