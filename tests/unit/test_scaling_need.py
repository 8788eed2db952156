"""How many workers a load asks for: enough, not many more, and none for what they could not help."""

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.scaling.load import At, History, Load, Look
from processor.scaling.need import need, workers_for
from processor.settings import ScalerSettings

patient = settings(deadline=None)  # a busy machine takes its time

SETTINGS = ScalerSettings(min_workers=1)
DEMANDS = st.lists(st.floats(0, 20_000), min_size=1, max_size=30)
RATE = 5_000.0


def worst(demands: list[float], workers: int) -> float:
    """What the busiest worker would have to do if the group gave it the busiest partitions."""
    most = -(-len(demands) // workers)
    return sum(sorted((min(demand, RATE) for demand in demands), reverse=True)[:most])


@patient
@given(DEMANDS)
def test_so_many_workers_can_do_it_however_the_partitions_fall_and_one_fewer_could_not(demands: list[float]) -> None:
    workers = workers_for(demands, RATE, 1.0)

    assert 1 <= workers <= len(demands)
    assert worst(demands, workers) <= RATE or workers == len(demands)
    assert workers == 1 or worst(demands, workers - 1) > RATE


@patient
@given(DEMANDS, st.floats(0, 1))
def test_less_to_do_never_asks_for_more_workers(demands: list[float], share: float) -> None:
    assert workers_for([demand * share for demand in demands], RATE, 1.0) <= workers_for(demands, RATE, 1.0)


def history(seconds: int, partitions: dict[int, tuple[float, float]], stopped: frozenset[int] = frozenset()) -> Load:
    """The load after so long, when each partition gets and loses so many records a second; one worker has all."""
    made = History()
    for at in range(0, seconds, 5):
        looks = {p: At(int(out * at), int(into * at), "vm/0") for p, (into, out) in partitions.items()}
        load = made.add(Look(float(at), looks, stopped))
    return load


def test_a_worker_that_only_stands_before_a_stopped_partition_is_not_taken_for_a_busy_one() -> None:
    assert history(61, {0: (1000.0, 0.0), 1: (50.0, 50.0)}, frozenset({0})).rate is None
    assert history(61, {0: (1000.0, 0.0), 1: (500.0, 50.0)}, frozenset({0})).rate == 50.0


def test_a_lag_that_grows_asks_for_as_many_as_work_it_off() -> None:
    load = history(61, dict.fromkeys(range(4), (6000.0, 1250.0)))

    found = need(load, 1, SETTINGS)

    assert found.workers == 4
    assert load.rate == 5_000.0
    assert 40 < load.lag_seconds < 60
    assert "4 catch up within 60 s" in found.why


def test_the_lag_is_the_age_of_the_oldest_record_that_waits() -> None:
    load = history(101, {0: (1_000.0, 750.0)})

    assert abs(load.lag_seconds - 25.0) < 1.0
    assert abs(load.growing - 0.25) < 0.05


def test_a_stopped_partition_asks_for_nothing() -> None:
    idle = dict.fromkeys(range(3), (100.0, 100.0))
    load = history(200, idle | {3: (9_000.0, 0.0)}, stopped=frozenset({3}))

    assert load.left_out == (3,)
    assert need(load, 1, SETTINGS).workers == 1


def test_a_partition_that_does_not_move_asks_for_nothing() -> None:
    moving = dict.fromkeys(range(3), (100.0, 100.0))
    load = history(200, moving | {3: (9_000.0, 0.0)})

    assert load.left_out == (3,)
    assert need(load, 1, SETTINGS).workers == 1


def test_while_a_partition_just_pauses_no_fewer_are_asked_for() -> None:
    made = History()
    for at in range(0, 61, 5):
        moved = min(at, 50) * 100
        found = {p: At(at * 100 if p else moved, at * 100 + 10, "vm/0") for p in range(4)}
        load = made.add(Look(float(at), found))

    assert (load.left_out, load.paused) == ((0,), True)
    assert need(load, 4, SETTINGS).workers == 4


def test_while_nothing_moves_anywhere_nothing_is_changed() -> None:
    load = history(200, dict.fromkeys(range(4), (100.0, 0.0)))

    assert load.still
    assert need(load, 3, SETTINGS).workers == 3


def test_without_anything_to_do_one_is_enough() -> None:
    assert need(history(200, dict.fromkeys(range(4), (0.0, 0.0))), 4, SETTINGS).workers == 1


def test_while_no_worker_was_ever_busy_a_few_fewer_are_tried_and_never_none() -> None:
    load = history(200, dict.fromkeys(range(4), (100.0, 100.0)))

    assert load.rate is None
    assert [need(load, now, SETTINGS).workers for now in (8, 4, 2, 1)] == [6, 3, 1, 1]
