"""Where a reset starts: earliest, latest or offsets of one's own, and what is refused."""

from pathlib import Path

import pytest

from processor.errors import ConfigurationError, Refused
from processor.kafka.beginnings import Beginnings
from processor.reset.plan import Choice, beginnings, choice, starts

BOUNDS = {0: (3, 9), 1: (0, 5)}


def test_by_default_everything_begins_at_the_first_record() -> None:
    assert starts(choice(None, None), BOUNDS) == {0: 3, 1: 0}
    assert starts(choice("earliest", None), BOUNDS) == {0: 3, 1: 0}
    assert starts(choice("latest", None), BOUNDS) == {0: 9, 1: 5}


def test_offsets_come_as_json_or_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "offsets").write_text('{"1": 5, "0": 3}')
    for given in (' {"1": 5, "0": 3}', str(tmp_path / "offsets")):
        assert starts(choice(None, given), BOUNDS) == {0: 3, 1: 5}


@pytest.mark.parametrize("offsets", [{0: 2, 1: 0}, {0: 10, 1: 0}, {0: 3}, {0: 3, 1: 0, 2: 0}, {}])
def test_offsets_outside_the_log_or_for_other_partitions_are_refused(offsets: dict[int, int]) -> None:
    with pytest.raises(Refused):
        starts(Choice("offsets", offsets), BOUNDS)


@pytest.mark.parametrize("given", ['{"0": "x"}', '{"0": 1.5}', "{", "no such file"])
def test_what_is_no_map_of_offsets_is_a_wrong_argument(given: str) -> None:
    with pytest.raises(ConfigurationError):
        choice(None, given)


def test_only_one_start_can_be_chosen() -> None:
    with pytest.raises(ConfigurationError):
        choice("latest", "{}")


def test_outputs_belong_to_the_new_beginning_from_their_present_ends_on() -> None:
    assert beginnings("now", BOUNDS, {0: (1, 7)}) == Beginnings("now", {0: 9, 1: 5}, {0: 7})
