"""The seed decides which faults come, and in which order; what must be alone is alone."""

from collections.abc import Iterator
from itertools import chain
from random import Random

from tests.chaos.faults import Fault, Hit
from tests.chaos.schedule import groups, one_a_row, schedule


def fault(name: str, row: int = 1, weight: float = 1.0, *, together: bool = False) -> Fault:
    return Fault(name, row, 5.0, weight, lambda _stage, _dice: Hit(), together)


KINDS = {each.name: each for each in (fault("a"), fault("b", 2), fault("c", 2), fault("once", 3, weight=0.0))}


def names(faults: Iterator[Fault]) -> list[str]:
    return [each.name for each in faults]


def test_the_same_seed_gives_the_same_faults_in_the_same_order() -> None:
    assert names(schedule(KINDS, 50, Random(7))) == names(schedule(KINDS, 50, Random(7)))
    assert names(schedule(KINDS, 50, Random(7))) != names(schedule(KINDS, 50, Random(8)))


def test_every_kind_comes_before_any_comes_again_and_what_has_no_weight_never_does() -> None:
    drawn = names(schedule(KINDS, 200, Random(1)))

    assert sorted(drawn[: len(KINDS)]) == sorted(KINDS)
    assert drawn.count("once") == 1
    assert min(drawn.count(name) for name in "abc") > 1


def test_one_kind_of_each_row_is_drawn() -> None:
    assert [each.row for each in one_a_row(KINDS, Random(1)).values()] == [1, 2, 3]


def test_what_bears_others_comes_with_its_neighbours_and_what_does_not_comes_alone() -> None:
    order = [fault(name, together=name.islower()) for name in "abCdefgH"]

    found = [names(iter(several)) for several in groups(iter(order), 3)]

    assert found == [["a", "b"], ["C"], ["d", "e", "f"], ["g"], ["H"]]
    assert "".join(chain(*found)) == "abCdefgH"
