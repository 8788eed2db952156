"""The audit of dead letters: each record that is no login has exactly one, byte for byte."""

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.audit.findings import Difference, Findings, Verdict
from processor.audit.letters import Letter, Letters, digest
from processor.kafka.dead_letters import dead_letter
from processor.logins.records import Rejected
from tests.twins.record import MemoryRecord

patient = settings(deadline=None)  # a busy machine takes its time

TOPIC = "user-login"
LIMIT = 400  # so small that long values and headers are left out

Log = list[MemoryRecord]


@st.composite
def logs(draw: st.DrawFn, least: int = 0) -> Log:
    """Records of two partitions that are no logins, with gaps between them."""
    values = st.none() | st.binary(max_size=3) | st.just(b"x" * 500)
    headers = st.none() | st.just([("a", b"1"), ("a", None)]) | st.just([("dead-letter.offset", b"77")])
    records = []
    for partition in range(2):
        offset = 0
        for value, held in draw(st.lists(st.tuples(values, headers), min_size=least, max_size=8)):
            offset += draw(st.integers(1, 3))
            records.append(MemoryRecord((partition, offset), draw(st.none() | st.binary(max_size=2)), value, held, 5))
    return records


def letters_of(records: Log, said: str = "so") -> Log:
    """Their dead letters, all in one partition, at offsets with gaps."""
    made = [dead_letter(TOPIC, one, Rejected("json", said), LIMIT) for one in records]
    return [MemoryRecord((0, 2 * at), one.key, one.value, one.headers) for at, one in enumerate(made)]


def compare(
    records: Log, letters: Log, seed: int, due: int = 100, ahead: Sequence[Letter] = (), *, begin_known: bool = True
) -> tuple[Findings, Letters]:
    findings, chance = Findings(), random.Random(seed)
    matching = Letters({0: due, 1: due}, findings, ahead)
    waiting = [list(records), list(letters)]
    while any(waiting):
        side = chance.choice([n for n, left in enumerate(waiting) if left])
        one = waiting[side].pop(0)
        if side == 0:
            made = dead_letter(TOPIC, one, Rejected("json", "in other words"), LIMIT)
            matching.expect((one.partition(), one.offset()), digest(made.key, made.value, made.headers))
        else:
            matching.find(one, TOPIC)
    matching.judge(begin_known=begin_known)
    return findings, matching


SEEDS = st.integers(0, 1_000)


@patient
@given(logs(), SEEDS)
def test_right_dead_letters_are_clean_whatever_words_their_message_has(records: Log, seed: int) -> None:
    findings, matching = compare(records, letters_of(records), seed, begin_known=False)
    assert findings.verdict is Verdict.CLEAN
    assert matching.matched == len(records)


@patient
@given(logs(), SEEDS, st.integers(0, 20))
def test_an_audit_goes_on_where_the_last_one_ended(records: Log, seed: int, due: int) -> None:
    findings, first = compare(records, letters_of(records), seed, due)
    assert findings.verdict is Verdict.CLEAN
    rest = [one for one in records if one.offset() >= due]
    assert compare(rest, [], seed, ahead=first.ahead)[0].verdict is Verdict.CLEAN


def only(findings: Findings) -> Difference:
    (difference,) = findings.shown
    assert findings.verdict is Verdict.DIFFERENT
    return difference


@patient
@given(logs(least=1), SEEDS, st.data())
def test_a_missing_dead_letter_is_named_by_the_place_of_its_record(
    records: Log, seed: int, data: st.DataObject
) -> None:
    letters = letters_of(records)
    at = data.draw(st.integers(0, len(letters) - 1))
    del letters[at]
    found = only(compare(records, letters, seed)[0])
    assert (found.kind, found.partition, found.offset) == ("dead-letter-lost", *records[at].at)


@patient
@given(logs(least=1), SEEDS, st.data())
def test_a_dead_letter_that_is_there_twice_is_named(records: Log, seed: int, data: st.DataObject) -> None:
    letters = letters_of(records)
    again = letters[data.draw(st.integers(0, len(letters) - 1))]
    letters.append(MemoryRecord((0, 2 * len(letters)), again.given_key, again.given_value, again.given_headers))
    found = only(compare(records, letters, seed)[0])
    assert (found.kind, found.partition, found.offset) == ("dead-letter-repeated", 0, letters[-1].offset())


@patient
@given(logs(least=1), SEEDS, st.data(), st.sampled_from(["value", "key", "reason", "timestamp", "carried"]))
def test_an_altered_dead_letter_is_named(records: Log, seed: int, data: st.DataObject, what: str) -> None:
    letters = letters_of(records)
    at = data.draw(st.integers(0, len(letters) - 1))
    was = letters[at]
    key, value, headers = was.given_key, was.given_value, list(was.given_headers or [])
    if what == "value":
        value = (value or b"") + b"!"
    elif what == "key":
        key = (key or b"") + b"!"
    elif what == "carried":
        headers.insert(0, ("more", b""))
    else:
        headers = [(name, b"9" if name == f"dead-letter.{what}" else held) for name, held in headers]
    letters[at] = MemoryRecord(was.at, key, value, headers)
    found = only(compare(records, letters, seed)[0])
    assert (found.kind, found.offset) == ("dead-letter-altered", was.offset())


@patient
@given(logs(), SEEDS, st.booleans())
def test_a_dead_letter_of_a_login_or_of_nothing_is_named(records: Log, seed: int, tells: bool) -> None:
    letters = letters_of(records)
    headers = (
        letters_of([MemoryRecord((1, 50), None, b"{")])[0].given_headers if tells else [("dead-letter.topic", b"x")]
    )
    letters.append(MemoryRecord((0, 2 * len(letters)), None, b"{", headers))
    found = only(compare(records, letters, seed)[0])
    assert (found.kind, found.offset) == ("dead-letter-extra", letters[-1].offset())


def test_dead_letters_from_before_a_reset_that_nobody_remembers_make_the_audit_doubtful() -> None:
    records = [MemoryRecord((0, 5), None, b"{")]
    letters = letters_of([MemoryRecord((0, 3), None, b"["), *records])
    assert compare(records, letters, 0, begin_known=False)[0].verdict is Verdict.UNKNOWN
    assert only(compare(records, letters, 0)[0]).kind == "dead-letter-extra"
