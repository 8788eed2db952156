"""One host's whole decision: its own minimum runs, whoever else seems to."""

from processor.scaling.brain import Brain, Decision, Seen
from processor.scaling.load import At, Look
from processor.scaling.pool import Host
from processor.scaling.slots import Slot
from processor.settings import ScalerSettings

SETTINGS = ScalerSettings(min_workers=1)


def slots(running: int, of: int) -> list[Slot]:
    return [
        Slot(f"worker-{n:02d}", "RUNNING" if n < running else "STOPPED", int(n < running), 0, 100) for n in range(of)
    ]


def decided(running: int, members: list[str], others: list[Host], settings: ScalerSettings = SETTINGS) -> Decision:
    """At a first look at a pool that has nothing to do."""
    look = Look(0.0, {p: At(10, 10, None) for p in range(4)})
    return Brain("a", settings, {}).decide(Seen(look, members, others, slots(running, 4)))


def test_members_of_a_host_that_is_silent_never_cost_this_host_its_minimum() -> None:
    assert decided(1, ["a", "b", "b", "b", "b", "b"], []).share == 1


def test_what_works_on_a_host_that_is_silent_is_not_run_twice() -> None:
    found = decided(2, ["a", "a", "b", "b"], [])

    assert (found.running, found.target, found.share) == (4, 4, 2)


def test_nothing_is_stopped_while_the_pool_has_no_more_than_its_target() -> None:
    other = Host("b", slots=4, least=1, wanted=4, running=2)

    assert decided(4, ["a", "a", "a", "a"], [other]).change.stop == ()
    assert list(decided(4, ["a", "a", "a", "a", "b", "b"], [other]).change.stop) == ["worker-03", "worker-02"]


def test_by_default_all_slots_run() -> None:
    found = decided(2, ["a", "a"], [], ScalerSettings())

    assert found.change.start == ["worker-02", "worker-03"]
    assert "scaler.min_workers says so" in found.line


def test_what_the_scaler_stopped_beside_a_dry_run_is_no_persons() -> None:
    brain = Brain("a", SETTINGS, {})
    stopped = [Slot("worker-00", "RUNNING", 1, 0, 100), Slot("worker-01", "STOPPED", 1, 50, 100)]
    brain.recall({"worker-01": 50})

    found = brain.decide(Seen(Look(0.0, {0: At(10, 10, None)}), ["a"], [], stopped))

    assert "by hand" not in found.line
