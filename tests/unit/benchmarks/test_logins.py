from argparse import ArgumentTypeError

import pytest

from benchmarks.rig.logins import Logins
from benchmarks.rig.numbers import numbers
from benchmarks.rig.stamped import PROCESSED, SENT, stamped, templates
from processor.logins.decode import Decoder
from processor.logins.generated import Recipe
from processor.logins.process import encode
from processor.logins.records import Login

RECIPE = Recipe(seed=1, users=50, skew=0.0)


def test_so_many_logins_are_made_and_no_more() -> None:
    told: list[int] = []

    logins = Logins(RECIPE, 7_001, told.append)

    assert sum(map(len, logins.blocks)) == 7_001 == sum(told)
    assert logins.users == 50


def test_a_stamped_login_is_valid_and_its_moments_are_found_in_the_processed_record() -> None:
    moment = 1_795_650_721_244_000_123

    for message in stamped(templates(RECIPE, 2_000), moment):
        login = Decoder("keep").decode(message["value"], 0)
        assert isinstance(login, Login)
        value = encode(login, 1_795_650_721_299)
        assert SENT.of(value) == moment
        assert PROCESSED.of(value) == 1_795_650_721_299


def test_a_list_of_numbers_is_shown_as_it_was_written() -> None:
    assert numbers("1,2,32") == [1, 2, 32]
    assert str(numbers("1,2,32")) == "1,2,32"


@pytest.mark.parametrize("text", ["", "1,", "0", "-1", "1,a", "1.5"])
def test_what_is_no_list_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        numbers(text)
