"""The two cursors: whatever happens at whatever step, each login is processed once and counted once.

The real worker runs on twins of Kafka and Redis, by plans of what happens to it (tests/model). DESIGN.md's invariants
1 and 2 are checked after each thing that happens, and when all has come to rest nothing may be left to do.
"""

from random import SystemRandom

import pytest

from processor import worker
from processor.errors import DataProcessorError, LineageMismatch, PositionLost
from processor.logins import batch
from tests.model.mutants import MUTANTS
from tests.model.plans import ORDINARY, at_random, shortest
from tests.model.world import DISTURBANCES, LINEAGE, Parts, Shape, Step, World, play

SOUND = Parts()
PLANS = 1000
BUDGET = 1000  # the plans within which a mutant must be caught; most are by the tenth


@pytest.fixture(autouse=True)
def several_parts_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "PART_RECORDS", 3)
    monkeypatch.setattr(worker, "_POLL_RECORDS", 3)


def verify(shape: Shape, plan: list[Step]) -> World:
    """Play a plan; when it fails, say by which few steps it does."""
    try:
        return play(shape, plan)
    except (AssertionError, DataProcessorError, LookupError, TypeError, ValueError):
        few = shortest(plan, lambda shorter: _failure(shape, shorter, SOUND) is not None)
        pytest.fail(f"{_failure(shape, few, SOUND)!r} of {shape} by\n" + "\n".join(f"  {step}" for step in few))


def _failure(shape: Shape, plan: list[Step], parts: Parts) -> Exception | None:
    try:
        play(shape, plan, parts)
    except Exception as failure:
        return failure
    return None


def test_an_ordinary_run_ends_with_everything_processed_and_counted() -> None:
    verify(Shape(2, 2, 2), ORDINARY)


@pytest.mark.parametrize("what", DISTURBANCES)
@pytest.mark.parametrize("name", ["w0", "w1"])
def test_it_does_so_whatever_happens_at_any_one_step(name: str, what: str) -> None:
    at = 0
    while verify(Shape(2, 2, 2), [("arm", name, at, what), *ORDINARY]).happened:
        at += 1
    assert at > 30, "the ordinary run became too short to show anything"


@pytest.mark.parametrize("first", range(0, PLANS, 100))
def test_it_does_so_whatever_happens_in_whatever_order(first: int) -> None:
    for seed in range(first, first + 100):
        verify(*at_random(seed))


def test_it_does_so_in_plans_that_nobody_has_seen() -> None:
    for _ in range(100):
        verify(*at_random(SystemRandom().randrange(2**63)))


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_model_tells_a_worker_that(mutant: str) -> None:
    assert any(_failure(*at_random(seed), MUTANTS[mutant]) for seed in range(BUDGET))


WORK: list[Step] = [("produce", 0, [f"user-{n}" for n in range(5)]), ("work",)]


def at_work() -> World:
    world = play(Shape(1, 1, 1), WORK)
    world.processes.clear()
    return world


def turns(world: World, seconds: int) -> None:
    for _ in range(4 * seconds):
        world.turn("w0")
        world.tick(0.25)


def refuses(world: World, error: type[DataProcessorError], said: str) -> None:
    with pytest.raises(error, match=said):
        world.come_to_rest()


def test_retention_past_the_committed_offset_is_refused() -> None:
    world = at_work()
    world.produce(0, ["user-1", "user-2"])
    world.input[0].low = world.input[0].high

    refuses(world, PositionLost, "2 records can't be processed or counted")


def test_retention_past_a_cursor_that_went_back_is_refused() -> None:
    world = at_work()
    world.input[0].low = world.input[0].high
    world.empty()

    refuses(world, PositionLost, "5 records can't be processed or counted")


def test_offsets_that_are_gone_while_counts_are_there_are_refused() -> None:
    world = at_work()
    world.kafka.committed.clear()

    refuses(world, PositionLost, "counts up to offset 7 but no committed offset")


def test_a_log_that_ends_below_its_positions_is_refused_after_some_patience() -> None:
    world = at_work()
    del world.input[0].entries[4:]

    turns(world, seconds=25)
    with pytest.raises(PositionLost, match="beyond its log's end 4"):
        turns(world, seconds=10)


def test_a_log_whose_end_comes_back_is_gone_on_with() -> None:
    world = at_work()
    lost = world.input[0].entries[4:]
    del world.input[0].entries[4:]
    turns(world, seconds=25)

    world.input[0].entries += lost
    world.produce(0, ["user-1"])

    world.come_to_rest()


def test_counts_of_another_lineage_are_refused() -> None:
    world = at_work()
    world.redis.shards[0].lineage = "another"

    refuses(world, LineageMismatch, LINEAGE)
