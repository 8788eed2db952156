from collections import Counter
from itertools import chain, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.logins.decode import Decoder
from processor.logins.generated import BLOCK, Keyed, Recipe, device_id, records, skewed, user_id
from processor.logins.malformed import SPOILED
from processor.logins.records import Login, LoginWithMore, Rejected

NOW = 1_700_000_000_000


def made(recipe: Recipe, blocks: int = 1) -> list[Keyed]:
    return list(chain.from_iterable(islice(records(recipe), blocks)))


def decoded(recipe: Recipe, blocks: int = 1) -> list[Login | Rejected]:
    decoder = Decoder("keep")
    return [decoder.decode(value, NOW) for _, value in made(recipe, blocks)]


def test_the_same_recipe_makes_the_same_bytes() -> None:
    recipe = Recipe(seed=7, users=50, skew=0.5, malformed=0.1)

    assert made(recipe, 2) == made(recipe, 2)


def test_another_seed_makes_other_logins_of_the_same_users() -> None:
    one, other = made(Recipe(seed=1, users=3)), made(Recipe(seed=2, users=3))

    assert not set(one) & set(other)
    assert {key for key, _ in one} == {key for key, _ in other}


def test_without_malformed_ones_every_record_is_a_login_keyed_by_its_user() -> None:
    recipe = Recipe(users=500)

    for (key, _), login in zip(made(recipe), decoded(recipe), strict=True):
        assert isinstance(login, Login)
        assert login.user_id.encode() == key


def test_every_login_has_a_device_of_its_own() -> None:
    devices = [login.device_id for login in decoded(Recipe(), blocks=3) if isinstance(login, Login)]

    assert len(set(devices)) == 3 * BLOCK


@given(st.integers(), st.sets(st.integers(0, 10**12), min_size=2, max_size=5))
def test_no_two_numbers_share_a_device_id(seed: int, numbers: set[int]) -> None:
    assert len({device_id(seed, number) for number in numbers}) == len(numbers)


def test_no_device_id_comes_again_after_a_fraction_of_all_there_are() -> None:
    numbers = {0, *(10**9 // divisor for divisor in (1, 2, 2**9, 5, 5**9, 10**4))}

    assert len({device_id(1, number) for number in numbers}) == len(numbers)


def test_all_that_the_wild_sends_is_among_them() -> None:
    values = [value or b"" for _, value in made(Recipe(users=1000, skew=0.0), blocks=2)]
    logins = decoded(Recipe(users=1000, skew=0.0), blocks=2)

    assert any(b'"user_id": 1' in value for value in values)  # an integer
    assert any(b'"timestamp": 1' in value for value in values)
    assert any(b'"timestamp": "2023-' in value for value in values)
    assert any(b"+02:00" in value for value in values)
    assert any(b'"device_type"' not in value for value in values)
    assert any(isinstance(login, LoginWithMore) for login in logins)


def test_a_user_that_comes_as_integer_and_as_string_is_one_user() -> None:
    numbered = user_id(49)

    counts = Counter(login.user_id for login in decoded(Recipe(users=50, skew=0.0)) if isinstance(login, Login))
    values = [value or b"" for _, value in made(Recipe(users=50, skew=0.0))]

    assert numbered.isdigit()
    assert any(f'"user_id": {numbered},'.encode() in value for value in values)
    assert any(f'"user_id": "{numbered}",'.encode() in value for value in values)
    assert len(counts) == 50


@pytest.mark.parametrize("spoil", SPOILED)
def test_each_kind_of_malformed_record_is_refused(spoil: object) -> None:
    assert callable(spoil)
    decoder = Decoder("keep")

    for _, value in made(Recipe(users=100, skew=0.0))[:500]:
        assert isinstance(decoder.decode(spoil(value), NOW), Rejected)


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_so_many_are_malformed_as_asked_for(share: float) -> None:
    rejected = sum(isinstance(outcome, Rejected) for outcome in decoded(Recipe(malformed=share), blocks=2))

    assert abs(rejected / (2 * BLOCK) - share) < 0.02


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_another_share_of_malformed_ones_leaves_the_others_as_they_were(share: float) -> None:
    few, many = made(Recipe(malformed=share)), made(Recipe(malformed=0.5))
    kept = [i for i, outcome in enumerate(decoded(Recipe(malformed=0.5))) if isinstance(outcome, Login)]

    assert [few[i] for i in kept] == [many[i] for i in kept]


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 10**9), st.floats(0, 5))
def test_a_rank_is_always_one_of_the_users(chance: float, users: int, skew: float) -> None:
    assert 0 <= skewed(chance, users, skew) < users


@pytest.mark.parametrize("skew", [0.0, 0.5, 1.0, 2.0])
def test_the_more_skew_the_more_often_the_first(skew: float) -> None:
    chances = [i / 10_000 for i in range(10_000)]
    ranks = Counter(skewed(chance, 10, skew) for chance in chances)
    more = Counter(skewed(chance, 10, skew + 0.5) for chance in chances)

    assert len(ranks) == 10
    assert ranks[0] < more[0]
    assert [ranks[rank] for rank in range(9)] >= [ranks[rank] for rank in range(1, 10)]


def test_without_skew_all_users_are_alike() -> None:
    ranks = Counter(skewed(i / 10_000, 10, 0.0) for i in range(10_000))

    assert set(ranks.values()) == {1000}
