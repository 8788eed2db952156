"""Which workers of a host are started and stopped; what a person stopped is left alone, whatever happens around it."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from processor.scaling.slots import Slot, Use, change, remember, use

patient = settings(deadline=None)  # a busy machine takes its time

NOW = 10_000


def slot(number: int, state: str = "RUNNING", stopped: int = 0, started: int = 1, idle: bool = False) -> Slot:
    return Slot(f"worker-{number:02d}", state, started, stopped, NOW, idle)


def test_what_a_person_stopped_is_never_started() -> None:
    slots = [slot(0), slot(1, "STOPPED", stopped=NOW - 100), slot(2, "STOPPED", stopped=NOW - 100)]
    parked = remember({"worker-02": NOW - 100}, slots)

    assert [use(each, parked) for each in slots] == [Use.WORKS, Use.HELD, Use.RESTS]
    assert change(slots, parked, 3, 0).start == ["worker-02"]


def test_what_a_person_started_and_stopped_again_is_the_persons() -> None:
    parked = remember({"worker-00": NOW - 500}, [slot(0, "RUNNING", stopped=NOW - 500)])
    assert parked == {}

    stopped_again = [slot(0, "STOPPED", stopped=NOW - 100)]
    assert use(stopped_again[0], remember({"worker-00": NOW - 500}, stopped_again)) is Use.HELD


def test_a_stop_is_the_scalers_own_also_when_it_was_restarted_before_it_heard_of_its_end() -> None:
    told = {"worker-00": 0}
    stopping = remember(told, [slot(0, "STOPPING")])
    stopped = remember(stopping, [slot(0, "STOPPED", stopped=NOW - 100)])

    assert stopping == told
    assert stopped == {"worker-00": NOW - 100}


def test_a_worker_that_is_just_being_restarted_counts_as_working() -> None:
    slots = [slot(0, "STOPPED", stopped=NOW - 2), slot(1, "STOPPING"), slot(2, "STOPPED", started=0)]

    assert [use(each, {}) for each in slots] == [Use.WORKS, Use.WORKS, Use.RESTS]
    assert change(slots, {}, 2, 0) == change([], {}, 0, 0)


def test_what_a_person_just_stopped_is_not_stopped_by_the_scaler_too() -> None:
    slots = [slot(0), slot(1), slot(2, "STOPPED", stopped=NOW - 2), slot(3, "STOPPING")]

    assert change(slots, {}, 1, 9).stop == ["worker-01"]


def test_another_slot_stands_in_for_one_that_was_given_up() -> None:
    slots = [slot(0), slot(1, "FATAL"), slot(2, "STOPPED", started=0)]

    assert change(slots, {}, 2, 0).start == ["worker-02"]


def test_one_without_a_partition_is_stopped_first_and_then_the_last() -> None:
    slots = [slot(0, idle=True), slot(1), slot(2)]

    assert change(slots, {}, 1, 9).stop == ["worker-00", "worker-02"]


STATES = st.sampled_from(["STOPPED", "STARTING", "RUNNING", "BACKOFF", "STOPPING", "EXITED", "FATAL"])
SLOTS = st.lists(
    st.builds(slot, st.just(0), STATES, st.integers(0, NOW), st.integers(0, NOW), st.booleans()), max_size=9
)


@patient
@given(SLOTS, st.integers(0, 9), st.integers(0, 9), st.data())
def test_no_more_than_the_excess_is_stopped_and_no_more_than_lack_are_started(
    made: list[Slot], share: int, may_stop: int, data: st.DataObject
) -> None:
    slots = [structs.replace(each, name=f"worker-{number:02d}") for number, each in enumerate(made)]
    names = data.draw(st.lists(st.sampled_from([each.name for each in slots]), unique=True)) if slots else []
    parked = remember({each.name: each.stopped for each in slots if each.name in names}, slots)
    uses = {each.name: use(each, parked) for each in slots}
    works = [name for name, each in uses.items() if each is Use.WORKS]

    found = change(slots, parked, share, may_stop)

    assert not (found.start and found.stop)
    assert all(uses[name] is Use.RESTS for name in found.start)
    assert all(uses[name] is Use.WORKS for name in found.stop)
    assert len(found.stop) <= may_stop
    assert not found.stop or len(works) - len(found.stop) >= share
    assert not found.start or len(works) + len(found.start) <= share
