"""Who judges the judge: whatever is spoilt by hand is found, and called by its name."""

import json
from collections.abc import Callable

import pytest

from tests.chaos.evidence import Offsets, Topic
from tests.chaos.handmade import Handmade, handmade
from tests.chaos.oracle import weigh
from tests.chaos.verdict import EXAMPLES, KINDS, Verdict

Spoil = Callable[[Handmade], object]


def found(spoil: Spoil) -> set[str]:
    evidence = handmade()
    spoil(evidence)
    return set(weigh(evidence).found)


def test_what_is_right_is_exact() -> None:
    evidence = handmade()

    verdict = weigh(evidence, evidence.sequences())

    assert verdict.exact, str(verdict)
    assert (verdict.logins, verdict.malformed) == (360, 40)


def set_field(name: str, value: object) -> Spoil:
    def spoil(evidence: Handmade) -> None:
        fields = json.loads(evidence.topics["processed"][5].value() or b"") | {name: value}
        evidence.change("processed", 5, held_value=json.dumps(fields).encode())

    return spoil


def swapped(evidence: Handmade) -> None:
    """Records 4 and 6 lie in the same partition."""
    processed = evidence.topics["processed"]
    assert processed[4].partition() == processed[6].partition()
    processed[4], processed[6] = processed[6], processed[4]


def partition_lost(evidence: Handmade) -> None:
    evidence.topics["processed"] = [record for record in evidence.topics["processed"] if record.partition()]


def open_transaction(topic: Topic, stable: Offsets) -> Spoil:
    def spoil(evidence: Handmade) -> None:
        evidence.unstable[topic] = stable

    return spoil


def moved(evidence: Handmade) -> None:
    record = evidence.topics["processed"][-1]
    evidence.change("processed", -1, at=(1 - record.partition(), record.offset()))


def counted_by(more: int, times: int = 1) -> Spoil:
    def spoil(evidence: Handmade) -> None:
        for user in list(evidence.counted[0])[:times]:
            evidence.counted[0][user] += more

    return spoil


def counted_elsewhere(evidence: Handmade) -> None:
    evidence.counted[1] |= evidence.counted[0]
    evidence.counted[0] = {}


def altered_by_a_byte(evidence: Handmade) -> None:
    at = next(i for i, letter in enumerate(evidence.topics["dead_letters"]) if len(letter.value() or b"") > 10)
    value = bytearray(evidence.topics["dead_letters"][at].value() or b"")
    value[5] ^= 1
    evidence.change("dead_letters", at, held_value=bytes(value))


def with_header(name: str, value: bytes) -> Spoil:
    """Put another value into a header of the first dead letter."""

    def spoil(evidence: Handmade) -> None:
        headers = dict(evidence.topics["dead_letters"][0].headers() or []) | {name: value}
        evidence.change("dead_letters", 0, held_headers=list(headers.items()))

    return spoil


def gone_down(evidence: Handmade) -> None:
    """The latest count of a user with several comes first, and last again: in the end it is right."""
    published = evidence.topics["aggregations"]
    evidence.topics["aggregations"] = [published[-1], *published]
    assert b'"login_count": 1}' not in (published[-1].value() or b"")


def last_aggregation(value: dict[str, object]) -> Spoil:
    def spoil(evidence: Handmade) -> None:
        fields = json.loads(evidence.topics["aggregations"][-1].value() or b"") | value
        evidence.change("aggregations", -1, held_value=json.dumps(fields).encode())

    return spoil


SPOILT: dict[str, tuple[Spoil, set[str]]] = {
    "a processed record is lost": (lambda e: e.topics["processed"].pop(30), {"lost"}),
    "all of a partition are lost": (
        partition_lost,
        {"lost"},
    ),
    "one comes twice": (lambda e: e.topics["processed"].append(e.topics["processed"][30]), {"duplicated"}),
    "one comes of nobody's login": (set_field("device_id", "d-99999"), {"foreign", "lost"}),
    "one comes that is no JSON": (lambda e: e.change("processed", 5, held_value=b"{"), {"foreign", "lost"}),
    "one comes without a value": (lambda e: e.change("processed", 5, held_value=None), {"foreign", "lost"}),
    "one was not stamped": (set_field("processed_timestamp", None), {"foreign", "lost"}),
    "one has another user": (set_field("user_id", "somebody"), {"altered"}),
    "one has another time": (set_field("timestamp", 1_694_479_551_001), {"altered"}),
    "one lost a field": (set_field("locale", None), {"altered"}),
    "one gained a field": (set_field("extra", 1), {"altered"}),
    "one has another key": (lambda e: e.change("processed", 5, held_key=b"k"), {"altered"}),
    "one has another header": (lambda e: e.change("processed", 5, held_headers=[("a", b"b")]), {"altered"}),
    "one lies in another partition": (moved, {"misplaced"}),
    "two are swapped": (swapped, {"swapped"}),
    "a user is counted once more": (counted_by(1), {"wrong-count"}),
    "a user is counted once less": (counted_by(-1), {"wrong-count"}),
    "a user is not counted": (lambda e: e.counted[0].popitem(), {"wrong-count"}),
    "a user is counted who never came": (lambda e: e.counted[1].update(nobody_there=1), {"wrong-count"}),
    "a shard has another one's users": (counted_elsewhere, {"wrong-shard"}),
    "a cursor is ahead": (lambda e: e.counted_to[1].update({0: 201}), {"cursor-ahead", "checkpoint-behind"}),
    "a cursor is behind": (lambda e: e.counted_to[1].update({0: 199}), {"cursor-behind", "checkpoint-ahead"}),
    "a cursor is missing": (lambda e: e.counted_to[1].pop(0), {"cursor-behind", "checkpoint-ahead"}),
    "an offset is ahead": (lambda e: e.offsets.update({0: 201}), {"committed-ahead", "cursor-behind"}),
    "an offset is behind": (lambda e: e.offsets.update({0: 199}), {"committed-behind", "cursor-ahead"}),
    "an offset is missing": (lambda e: e.offsets.pop(0), {"committed-behind", "cursor-ahead"}),
    "a checkpoint is ahead": (lambda e: e.published_to[0].update({1: 201}), {"checkpoint-ahead"}),
    "a checkpoint is behind": (lambda e: e.published_to[0].update({1: 3}), {"checkpoint-behind"}),
    "a dead letter is missing": (lambda e: e.topics["dead_letters"].pop(3), {"letter-missing"}),
    "one is there twice": (lambda e: e.topics["dead_letters"].append(e.topics["dead_letters"][3]), {"letter-repeated"}),
    "one is altered by a byte": (altered_by_a_byte, {"letter-altered"}),
    "one lost its value": (lambda e: e.change("dead_letters", 5, held_value=b"lost"), {"letter-altered"}),
    "one has another key (dead letter)": (lambda e: e.change("dead_letters", 3, held_key=b"k"), {"letter-altered"}),
    "one names another reason": (with_header("dead-letter.reason", b"whim"), {"letter-altered"}),
    "one names another time": (with_header("dead-letter.timestamp", b"1"), {"letter-altered"}),
    "one names another topic": (with_header("dead-letter.topic", b"t"), {"letter-altered"}),
    "one gained a header": (with_header("more", b"1"), {"letter-altered"}),
    "one names a login's place": (with_header("dead-letter.offset", b"1"), {"letter-foreign", "letter-missing"}),
    "one names no place": (with_header("dead-letter.partition", b"x"), {"letter-foreign", "letter-missing"}),
    "a published count went down": (gone_down, {"went-down"}),
    "the latest count is too large": (last_aggregation({"login_count": 999}), {"wrong-aggregation"}),
    "the latest count is another user's": (last_aggregation({"user_id": "u"}), {"wrong-aggregation"}),
    "the latest count was deleted": (lambda e: e.change("aggregations", -1, held_value=None), {"wrong-aggregation"}),
    "a user lies in two partitions": (lambda e: e.change("aggregations", -1, at=(1, 0)), {"wrong-aggregation"}),
    "nothing was published": (lambda e: e.topics["aggregations"].clear(), {"wrong-aggregation"}),
    "a transaction is open": (open_transaction("processed", {1: 3}), {"open-transaction"}),
    "one of dead letters is open": (open_transaction("dead_letters", {1: 3}), {"open-transaction"}),
    "one of the flusher is open": (open_transaction("aggregations", {0: 3}), {"open-transaction"}),
    "the input's beginning is gone": (lambda e: setattr(e, "first", 10), {"unjudgeable"}),
    "the input holds a login twice": (
        lambda e: e.change("input", 0, held_value=e.topics["input"][1].value()),
        {"unjudgeable", "lost", "altered", "misplaced", "swapped", "foreign", "wrong-count", "wrong-aggregation"},
    ),
}


@pytest.mark.parametrize("case", SPOILT)
def test_whatever_is_spoilt_is_found_and_named(case: str) -> None:
    spoil, wanted = SPOILT[case]

    names = found(spoil)

    assert names
    assert names == wanted or ("unjudgeable" in wanted and names <= wanted)


def test_every_kind_of_difference_is_found_by_some_case() -> None:
    tried = set.union(*(wanted for _, wanted in SPOILT.values())) | {"reader-differs"}

    assert tried == set(KINDS)


@pytest.mark.parametrize("difference", ["less", "more", "other", "order"])
def test_a_reader_that_saw_something_else_is_named(difference: str) -> None:
    evidence = handmade()
    during = evidence.sequences()
    match difference:
        case "less":
            during[0].pop()
        case "more":
            during[1].append(7)
        case "other":
            during[1][3] = 9999
        case "order":
            during[1][3], during[1][4] = during[1][4], during[1][3]

    verdict = weigh(evidence, during)

    assert set(verdict.found) == {"reader-differs"}


def test_places_may_differ_after_partitions_were_added() -> None:
    evidence = handmade()
    moved(evidence)

    assert weigh(evidence, grown=True).exact


def test_a_difference_says_where_it_lies() -> None:
    evidence = handmade()
    lost = evidence.topics["processed"].pop(30)

    (said,) = weigh(evidence).examples["lost"]

    assert f"input partition {lost.partition()} offset {lost.offset()}" in said


def test_every_difference_is_counted_and_the_first_ones_are_told() -> None:
    evidence = handmade()
    evidence.topics["processed"].clear()

    verdict = weigh(evidence)

    assert verdict.found["lost"] == verdict.logins
    assert len(verdict.examples["lost"]) == EXAMPLES


def test_a_verdict_can_be_told() -> None:
    verdict = Verdict()
    verdict.add("lost", "login d-1")

    assert not verdict.exact
    assert verdict.to_json()["found"]["lost"]["examples"] == ["login d-1"]
    assert "NOT EXACT" in str(verdict)
