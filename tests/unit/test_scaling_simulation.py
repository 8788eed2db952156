"""On a simulated pool, under every pattern of load: no flapping, little lag, few workers, and hosts that agree."""

from collections import defaultdict
from functools import cache

import pytest

from benchmarks.scaling_simulation.judged import cost, reversals, worst_lag
from benchmarks.scaling_simulation.patterns import PATTERNS, Pattern
from benchmarks.scaling_simulation.world import Moment, World
from processor.scaling.brain import Decision
from processor.settings import ScalerSettings

SETTINGS = ScalerSettings(min_workers=1)
NAMES = {pattern.name: pattern for pattern in PATTERNS}


@cache
def ran(name: str, seed: int) -> tuple[list[Moment], list[tuple[float, str, Decision]]]:
    world = World(NAMES[name], seed, SETTINGS)
    return list(world.run()), world.decisions


@pytest.fixture(params=PATTERNS, ids=lambda pattern: pattern.name)
def pattern(request: pytest.FixtureRequest) -> Pattern:
    return request.param


@pytest.fixture(params=[1, 2], ids=lambda seed: f"seed{seed}")
def run(pattern: Pattern, request: pytest.FixtureRequest) -> list[Moment]:
    return ran(pattern.name, request.param)[0]


def test_the_target_turns_no_oftener_than_the_load(pattern: Pattern, run: list[Moment]) -> None:
    assert reversals(run) <= pattern.reversals


def test_the_lag_stays_below_a_minute(pattern: Pattern, run: list[Moment]) -> None:
    assert worst_lag(run) <= pattern.lag_seconds


def test_little_more_is_paid_than_by_one_who_knows_the_load_and_keeps_workers_as_long(
    pattern: Pattern, run: list[Moment]
) -> None:
    assert cost(run, SETTINGS.cool_down_seconds) <= pattern.cost


def test_the_target_stays_between_the_minimum_and_one_a_partition(pattern: Pattern, run: list[Moment]) -> None:
    decided = [moment for moment in run if moment.target]

    assert len(decided) > len(run) - 3
    assert all(1 <= moment.target <= pattern.partitions(moment.at) for moment in decided)


@pytest.mark.parametrize("name", ["poison", "stall"])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_worker_is_added_for_a_partition_that_nobody_can_move(name: str, seed: int) -> None:
    moments, _ = ran(name, seed)
    before = [moment.target for moment in moments if 3_500 <= moment.at < 3_600]
    while_it_stands = [moment.target for moment in moments if 3_600 <= moment.at < 5_400]

    assert max(while_it_stands) <= max(before)


@pytest.mark.parametrize("seed", [1, 2])
def test_new_partitions_get_workers_when_they_are_needed(seed: int) -> None:
    moments, _ = ran("partition growth", seed)

    assert max(moment.running for moment in moments if 100 < moment.at < 3_600) <= 4
    assert min(moment.running for moment in moments if moment.at > 4_200) >= 7


@pytest.mark.parametrize("seed", [1, 2])
def test_hosts_agree_on_the_target_and_share_it_out_to_the_worker(seed: int) -> None:
    _, decisions = ran("VM loss", seed)
    rounds: dict[float, list[Decision]] = defaultdict(list)
    for at, _, decision in decisions:
        if 2_500 < at < 2_990 or 3_100 < at < 4_750 or at > 4_900:
            rounds[at // SETTINGS.interval_seconds].append(decision)

    assert {len(found) for found in rounds.values()} >= {2, 3}
    for found in rounds.values():
        assert len({decision.target for decision in found}) == 1
        assert sum(decision.share for decision in found) == found[0].target


@pytest.mark.parametrize("seed", [1, 2])
def test_a_lost_vms_share_runs_elsewhere_within_a_minute_and_goes_back(seed: int) -> None:
    moments, decisions = ran("VM loss", seed)

    assert all(moment.running >= moment.target for moment in moments[3_060:4_800])
    shares = {name: decision.share for at, name, decision in decisions if at > 7_000}
    assert max(shares.values()) - min(shares.values()) <= 1
