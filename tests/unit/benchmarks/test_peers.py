"""The comparison with other systems: what is left out of the account, which of them count, and what is noticed."""

from pathlib import Path

import pytest

from benchmarks.rig.failed import Failed
from benchmarks.rig.logins import Logins
from benchmarks.systems import building, compared, outputs
from benchmarks.systems.catalogue import SYSTEMS
from benchmarks.systems.job import Cost, Moment, cost
from benchmarks.systems.outputs import Expected, Given
from benchmarks.systems.system import System
from processor.logins.generated import Recipe

BY_NAME = {system.name: system for system in SYSTEMS}
LOGINS = [
    Given("1001", "2.3.0", "10.0.0.1", "RU", "593-47-5928", "1694479551", "android"),
    Given(1001, "2.3.0", "10.0.0.1", "RU", "593-47-5929", 1694479551000),
]


def moments(*done_and_used: tuple[int, float]) -> list[Moment]:
    return [Moment(float(at), done, {"job": used}) for at, (done, used) in enumerate(done_and_used)]


def costs(**used: float) -> dict[System, list[Cost]]:
    """One round, in which each system's rate is the inverse of its CPU."""
    parts = {name: {"worker" if name == "pool" else "job": each, "broker": 99.0} for name, each in used.items()}
    return {BY_NAME[name]: [Cost(100_000 / used[name], each)] for name, each in parts.items()}


def test_what_is_used_before_a_tenth_is_done_does_not_count() -> None:
    taken = cost(moments((0, 0.0), (100, 50.0), (500, 50.4), (1000, 50.9)), 1000)

    assert taken.microseconds["job"] == pytest.approx(1000)
    assert taken.rate == pytest.approx(450)


def test_what_is_used_after_the_last_login_was_committed_counts() -> None:
    late = moments((0, 0.0), (100, 1.0), (1000, 2.0), (1000, 2.9))

    assert cost(late, 1000).microseconds["job"] == pytest.approx(1.9 / 900 * 1e6)


def test_a_run_without_a_moment_in_between_is_no_measurement() -> None:
    with pytest.raises(Failed, match="take more logins"):
        cost(moments((0, 0.0), (1000, 1.0)), 1000)


def test_the_pool_is_measured_against_exactly_once_systems_that_do_the_whole_work() -> None:
    taken = costs(copy=2.0, pool=5.0, streams=20.0, flink=12.5, **{"flink-alo": 8.0}, quix=50.0, loop=130.0)

    found = compared.figures(taken)

    assert found == pytest.approx({"cpu_to_cheapest": 0.4, "rate_to_fastest": 2.5, "worker_to_bare_copy": 2.5})


def test_a_system_that_did_not_take_part_leaves_its_figure_out() -> None:
    assert compared.figures(costs(pool=5.0, copy=2.0)).keys() == {"worker_to_bare_copy"}
    assert compared.figures(costs(streams=20.0, copy=2.0)) == {}


def test_a_login_counts_as_the_same_however_its_id_and_time_are_written() -> None:
    text = outputs.summed([LOGINS[0], LOGINS[1]])
    other = Given("1001", "2.3.0", "10.0.0.1", "RU", "593-47-5929", "1694479551")

    assert outputs.summed([other, LOGINS[0]]) == text
    assert text.counts == {"1001": 2}


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param([LOGINS[0]], id="one is missing"),
        pytest.param([*LOGINS, LOGINS[1]], id="one came twice"),
        pytest.param([LOGINS[0], LOGINS[0]], id="one in another's place"),
    ],
)
def test_lost_and_repeated_logins_are_noticed(wrong: list[Given]) -> None:
    right, found = outputs.summed(LOGINS), outputs.summed(wrong)

    assert (found.logins, found.digest) != (right.logins, right.digest)


def test_a_changed_field_is_noticed() -> None:
    changed = Given("1001", "2.3.0", "10.0.0.1", "DE", "593-47-5928", "1694479551", "android")

    assert outputs.summed([changed, LOGINS[1]]).digest != outputs.summed(LOGINS).digest


def test_what_is_expected_is_every_login_that_is_fed() -> None:
    found: Expected = outputs.expected(Logins(Recipe(seed=1, users=10), 6000))

    assert (found.logins, found.counts.total(), len(found.counts)) == (6000, 6000, 10)


def test_a_peer_is_built_again_when_its_sources_change(tmp_path: Path) -> None:
    (tmp_path / "Logins.java").write_text("one")
    before = building.fingerprint(tmp_path)
    (tmp_path / "Logins.java").write_text("other")

    assert building.fingerprint(tmp_path) != before
