"""Explaining a count: the cheap look passes no login over, and each is held against the right positions."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from processor.explain.history import History, Letter, Positions, may_concern
from processor.logins.decode import Decoder
from processor.logins.records import Login

users = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20) | st.integers().map(str)


@st.composite
def escaped(draw: st.DrawFn, text: str) -> str:
    r"""The string as JSON, any character of it as it is, as \uXXXX (in either case), or with its short escape."""
    written = ""
    for character in text:
        plain = json.dumps(character, ensure_ascii=False)[1:-1]
        units = character.encode("utf-16-be")
        pairs = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
        ways = [plain, *("".join(f"\\u{p.upper() if up else p}" for p in pairs) for up in (True, False))]
        written += draw(st.sampled_from([*ways, "\\/"] if character == "/" else ways))
    return f'"{written}"'


@st.composite
def values(draw: st.DrawFn, user: str) -> bytes:
    """A login of this user in some form or other: an id as a string or an integer, a name with escapes, twice."""
    name = draw(escaped("user_id"))
    ids = [draw(escaped(user))]
    if user.removeprefix("-").isascii() and user.removeprefix("-").isdigit() and str(int(user)) == user:
        ids.append(user)
        ids.append("-0" if user == "0" else user)
    fields = [f"{name}:{draw(st.sampled_from(ids))}"]
    if draw(st.booleans()):
        fields.insert(0, '"user_id":"another"')
    fields.insert(draw(st.integers(0, len(fields))), '"locale": "RU"')
    return ("{" + " , ".join(fields) + "}").encode()


@given(data=st.data(), user=users)
@example(data=None, user="a")
def test_no_login_of_a_user_is_passed_over(data: Any, user: str) -> None:
    value = b'{"user_id":"\\u0061"}' if data is None else data.draw(values(user))
    login = Decoder("keep").decode(value, 0)
    if isinstance(login, Login) and login.user_id == user:
        assert may_concern(user.encode(), None, value)


@given(value=st.binary(max_size=60), user=users)
def test_whatever_decodes_to_the_user_is_looked_at(value: bytes, user: str) -> None:
    for text in (value, b'{"user_id":' + value + b"}"):
        login = Decoder("drop").decode(text, 0)
        if isinstance(login, Login):
            assert may_concern(login.user_id.encode(), None, text)
    assert may_concern(user.encode(), user.encode(), None)


def test_most_records_of_others_are_not_decoded() -> None:
    assert not may_concern(b"ann", b"bob", b'{"user_id":"bob"}')
    assert not may_concern(b"ann", None, None)


AT = Positions(
    checkpoint={0: 10, 1: 10},
    cursors={0: 20, 1: 20},
    committed={0: 30, 1: 30},
    origins={0: 0, 1: 5},
    log={0: (0, 40), 1: (0, 40), 2: (0, 40)},
)


def history(
    positions: Positions = AT, limit: int = 3, offsets: tuple[int, ...] = (0, 9, 10, 19, 20, 29, 30)
) -> History:
    made = History(positions, limit)
    for offset in offsets:
        made.login(0, offset, 1000 + offset, offset, None)
    return made


def test_a_login_is_published_counted_or_processed_below_the_position_of_each() -> None:
    found = history(limit=10).logins
    assert [(f.published, f.counted, f.processed) for f in found] == [
        (True, True, True),
        (True, True, True),
        (False, True, True),
        (False, True, True),
        (False, False, True),
        (False, False, True),
        (False, False, False),
    ]


def test_only_the_newest_are_kept_the_newest_last_and_all_are_counted() -> None:
    made = history()
    assert [found.offset for found in made.logins] == [20, 29, 30]
    assert dict(made.totals) == {"logins": 7, "processed": 6, "counted": 4, "published": 2, "forgotten": 0}
    assert history(limit=0).logins == []


def test_dead_letters_are_kept_the_same_way() -> None:
    made = History(AT, 1)
    for offset in (3, 1, 2):
        made.letter(Letter(offset, 0, offset, "json", "no"))
    assert [letter.offset for letter in made.letters] == [3]
    assert made.totals["letters"] == 3


@pytest.mark.parametrize(("said", "agreement"), [(4, "agrees"), (3, "differs"), (5, "differs"), ("four", "differs")])
def test_a_whole_log_knows_whether_a_count_is_right(said: int | str, agreement: str) -> None:
    assert history().agreement(said, "counted") == agreement


@pytest.mark.parametrize(("said", "agreement"), [(4, "agrees"), (3, "differs"), (5, "unknown")])
@pytest.mark.parametrize("cut", [{"log": {0: (1, 40)}}, {"origins": {0: None}, "log": {0: (1, 40)}}])
def test_a_log_that_was_cut_only_knows_when_a_count_is_too_low(said: int, agreement: str, cut: dict[str, Any]) -> None:
    positions = Positions(AT.checkpoint, AT.cursors, AT.committed, cut.get("origins", {0: 0}), cut["log"])
    assert history(positions).agreement(said, "counted") == agreement
    assert positions.deleted == {0: 1}


def test_what_lies_before_counting_began_is_not_read_and_nothing_missing() -> None:
    assert [AT.start(partition) for partition in (0, 1, 2)] == [0, 5, 0]
    reset = Positions({}, {}, {0: 50}, {0: 45}, {0: (40, 60)})
    assert (reset.start(0), reset.deleted) == (45, {})
    never = Positions({}, {}, {}, {}, {0: (40, 60)})
    assert (never.start(0), never.deleted) == (40, {})
