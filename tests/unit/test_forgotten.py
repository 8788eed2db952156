"""How it is written down that a user was forgotten, and which of their logins count then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.audit.forgotten import Forgotten, left_out
from processor.kafka.offsets import Checkpoint, Reached, checkpoint_in
from processor.logins.forgotten import Forget, forget_in, is_marker, marker_of
from processor.logins.records import MAX_USER_ID
from processor.settings import RedisSettings, Settings
from tests.twins.record import MemoryRecord

USERS = st.text(min_size=1, max_size=MAX_USER_ID).filter(lambda user: not any(0xD800 <= ord(c) <= 0xDFFF for c in user))


def marker(user: str, forget: Forget | None) -> MemoryRecord:
    return MemoryRecord((0, 0), marker_of(user), None, forget.headers() if forget else None)


def forgotten(**users: Forget) -> Forgotten:
    made = Forgotten()
    for user, forget in users.items():
        made.take(marker(user, forget))
    return made


@given(USERS)
def test_no_users_key_is_taken_for_a_marker(user: str) -> None:
    assert is_marker(marker_of(user))
    assert not is_marker(user.encode())
    assert marker_of(user) != marker_of(user + "x")


@pytest.mark.parametrize("letter", ["é", "😀", "0"])
def test_a_user_who_looks_like_a_marker_is_none(letter: str) -> None:
    """A login's user id is anybody's choice."""
    length = len(marker_of("ann"))
    user = "forgotten:" + letter * ((length - 10) // len(letter.encode()))

    assert len(user.encode()) <= length
    assert is_marker(user.encode()) == (len(user) > MAX_USER_ID)


@given(st.dictionaries(st.integers(0, 200), st.integers(0, 2**62)), st.integers(1, 2**40), st.integers(0, 2**62))
def test_what_is_written_is_read(cursors: dict[int, int], number: int, logins: int) -> None:
    forget = Forget(cursors, number, logins)

    assert forget_in(marker("ann", forget)) == forget
    assert forget_in(marker("ann", None)) is None


@pytest.mark.parametrize("headers", [[("forgotten.cursors", b"{}")], [("x", b"1")], [("forgotten.cursors", None)]])
def test_what_none_of_ours_wrote_is_refused(headers: list[tuple[str, bytes | None]]) -> None:
    with pytest.raises(ValueError, match="headers"):
        forget_in(MemoryRecord((0, 0), marker_of("ann"), None, headers))


def test_of_a_forgotten_user_the_logins_from_the_forget_on_count() -> None:
    known = forgotten(ann=Forget({0: 5}, 1, 3))

    assert known.counting(0, ([3, 4, 5, 6], ["ann", "bob", "ann", "bob"])) == ([4, 5, 6], ["bob", "ann", "bob"])
    assert known.counting(1, ([3], ["ann"])) == ([3], ["ann"])


def test_a_later_forget_stands_for_the_earlier_and_a_reset_makes_it_void() -> None:
    known = forgotten(ann=Forget({0: 5}, 1, 3))
    known.take(marker("ann", Forget({0: 9}, 2, 1)))
    assert known.of("ann") == Forget({0: 9}, 2, 1)

    known.take(marker("ann", None))

    assert known.counting(0, ([3], ["ann"])) == ([3], ["ann"])


def test_a_baseline_loses_who_was_forgotten_after_it_only() -> None:
    counts = [{"ann": 1, "bob": 2}, {"cy": 3}]

    left_out(counts, [7, 7], forgotten(ann=Forget({}, 7, 1), bob=Forget({}, 8, 2), cy=Forget({}, 9, 3)))

    assert counts == [{"ann": 1}, {}]


@given(st.lists(st.tuples(st.integers(0, 2**62), st.integers(0, 2**40)), min_size=1, max_size=5))
def test_the_checkpoint_carries_the_numbers_of_the_last_forgets(shards: list[tuple[int, int]]) -> None:
    numbers = [number for _, number in shards]
    made = Checkpoint([{0: offset} for offset, _ in shards], numbers if any(numbers) else [])

    settings = Settings(redis=RedisSettings(shards=len(shards)))
    assert checkpoint_in(settings, made.offsets()) == made
    metadata = made.offsets()[0].metadata
    assert Reached.read(metadata).forgets == numbers
    assert metadata.startswith("{" if any(numbers) else "[")


def test_the_checkpoint_of_as_many_shards_as_there_may_be_fits() -> None:
    made = Checkpoint([{0: 10**15} for _ in range(128)], [2 * 10**12] * 128)

    assert len(made.offsets()[0].metadata) <= 4_096
