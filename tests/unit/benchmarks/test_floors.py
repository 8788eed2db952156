import tomllib
from pathlib import Path

import msgspec
import pytest

from benchmarks.rig.floors import FLOORS, Floor, broken, floors

CEILING = Floor(why="it was promised", at_most=1.15)


@pytest.mark.parametrize(
    ("floor", "figure", "holds"),
    [
        (CEILING, 1.15, True),
        (CEILING, 1.151, False),
        (Floor(why="", at_least=1.5), 1.5, True),
        (Floor(why="", at_least=1.5), 1.49, False),
        (Floor(why="", at_least=1.0, at_most=2.0), 0.9, False),
        (Floor(why="", at_least=1.0, at_most=2.0), 2.1, False),
    ],
)
def test_a_floor_holds_up_to_its_bounds(floor: Floor, figure: float, holds: bool) -> None:
    assert floor.holds(figure) is holds


def test_a_broken_floor_is_named_with_figure_bound_and_reason() -> None:
    assert broken({"cpu": CEILING, "rate": CEILING}, {"cpu": 1.2, "rate": 1.0}) == [
        "cpu: 1.2, but it must be at most 1.15 (it was promised)"
    ]


def test_a_figure_that_was_not_measured_breaks_its_floor() -> None:
    assert broken({"cpu": CEILING}, {}) == [
        "cpu: not measured with these options; it must be at most 1.15 (it was promised)"
    ]


def test_a_misspelt_bound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "floors.toml"
    path.write_text('[scaling.cpu]\nat_mots = 1\nwhy = "x"\n')

    with pytest.raises(msgspec.ValidationError):
        floors("scaling", path)


def test_every_floor_has_a_bound_a_reason_and_a_benchmark() -> None:
    names = tomllib.loads(FLOORS.read_text())

    assert names
    for name in names:
        assert (FLOORS.parent / name).is_file()
        for floor in floors(name).values():
            assert floor.why
            assert floor.text()
