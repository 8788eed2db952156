"""Given-up processes are tried again, ever more seldom; a worker with too much memory is replaced, one at a time."""

import itertools

from processor.scaling.care import Memory, Revival

MB = 1_000_000


def tries(seconds: int, fails_after: float) -> list[int]:
    """When a process is started that fails again so long after each start."""
    revival, started, failed_at = Revival(), [], 0.0
    for now in range(seconds):
        failed = {"flusher"} if now >= failed_at else set()
        if revival.due(float(now), failed):
            started.append(now)
            failed_at = now + fails_after
    return started


def test_a_given_up_process_is_tried_again_ever_more_seldom_and_for_ever() -> None:
    found = tries(3_000, fails_after=10.0)
    pauses = [after - before for before, after in itertools.pairwise(found)]

    assert found[0] == 5
    assert pauses == sorted(pauses)
    assert pauses[-1] == 310 == pauses[-2]


def test_one_that_was_well_for_a_while_begins_anew() -> None:
    found = tries(1_000, fails_after=100.0)
    pauses = {after - before for before, after in itertools.pairwise(found)}

    assert pauses == {105}


def test_a_start_that_changes_nothing_is_followed_by_another() -> None:
    assert tries(100, fails_after=0.0) == [5, 15, 35, 75]


def test_the_worker_that_holds_most_is_replaced_and_the_next_one_later() -> None:
    memory, held = Memory(500 * MB), {"a": 600 * MB, "b": 700 * MB, "c": 100 * MB}

    assert [memory.over(now, held) for now in (0.0, 5.0, 59.0)] == ["b", None, None]
    assert memory.over(61.0, held | {"b": 100 * MB}) == "a"


def test_within_the_limit_or_without_one_nobody_is_replaced() -> None:
    assert Memory(500 * MB).over(0.0, {"a": 500 * MB}) is None
    assert Memory(0).over(0.0, {"a": 10_000 * MB}) is None
    assert Memory(500 * MB).over(0.0, {}) is None
