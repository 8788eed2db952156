from hypothesis import given
from hypothesis import strategies as st

from benchmarks.rig.spread import ratio_of_pairs, spread

VALUES = st.lists(st.floats(0.1, 1e6), min_size=1, max_size=9)


@given(VALUES)
def test_a_spread_keeps_the_rounds_and_its_median_lies_within(values: list[float]) -> None:
    found = spread(values)

    assert found.values == values
    assert min(values) == found.least <= found.median <= found.most == max(values)


def test_a_disturbed_round_does_not_move_the_ratio() -> None:
    ours, theirs = [2.0, 20.0, 2.0], [1.0, 10.0, 1.0]  # in the second round everything took ten times as long

    assert ratio_of_pairs(ours, theirs) == 2.0


def test_text_is_the_median_with_its_bounds() -> None:
    assert spread([1.0, 3.0, 2.5]).text(1) == "2.5 (1.0 to 3.0)"
