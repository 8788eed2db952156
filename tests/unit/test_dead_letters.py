"""What the tools decide about dead letters: how they are read back, which are meant, what goes back, what is shown."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processor.errors import ConfigurationError, Refused
from processor.kafka.dead_letters import dead_letter
from processor.kafka.letters import REDRIVEN_FROM, Id, LeftOut, Letter, letter
from processor.kafka.markers import FromPartition, Purge, Purged, Redriven, Return, marks, written
from processor.kafka.returning import Returned
from processor.letters import choice, cutting
from processor.letters.choice import Choice, parse_id
from processor.letters.returns import Content, Returns, Stays, headers_of
from processor.letters.text import cell, lines, visible
from processor.letters.times import instant, moment, timestamp_to_send
from processor.logins.records import Rejected
from processor.settings import Settings, TopicSettings
from tests.twins.record import MemoryRecord

patient = settings(deadline=None)  # a busy machine takes its time

TOPIC = "user-login"
LIMIT = 2_000
NOW = 1_800_000_000_000

NAMES = st.sampled_from(["a", "dead-letter.marker", "dead-letter.reason", "dead-letter.offset", REDRIVEN_FROM, "é"])
HEADERS = st.none() | st.lists(st.tuples(NAMES, st.none() | st.binary(max_size=3)), max_size=4)
VALUES = st.none() | st.binary(max_size=5) | st.just(b"x" * 5_000)
RECORDS = st.builds(
    MemoryRecord,
    st.tuples(st.integers(0, 3), st.integers(0, 9)),
    st.none() | st.binary(max_size=3) | st.just(b"k" * 5_000),
    VALUES,
    HEADERS,
    st.integers(-1, NOW),
)


def lying(record: MemoryRecord, at: tuple[int, int] = (1, 7)) -> MemoryRecord:
    """The record of its dead letter."""
    made = dead_letter(TOPIC, record, Rejected("json", "it is broken"), LIMIT)
    return MemoryRecord(at, made.key, made.value, made.headers, NOW)


@patient
@given(RECORDS)
def test_a_letter_is_read_back_as_it_was_made_whatever_headers_its_record_had(record: MemoryRecord) -> None:
    found = letter(lying(record), TOPIC)
    assert isinstance(found, Letter), "no input record can be taken for a marker"
    assert not marks(lying(record))
    assert (found.id, found.time, found.reason, found.message) == (Id(1, 7), NOW, "json", "it is broken")
    assert found.origin == (*record.at, record.created)
    assert found.size == len(record.given_value or b"")
    if not found.left_out:
        assert (found.key, found.value, found.headers) == (
            record.given_key,
            record.given_value,
            record.given_headers or [],
        )


@patient
@given(RECORDS)
def test_a_record_of_another_topic_or_without_our_facts_is_no_letter(record: MemoryRecord) -> None:
    assert letter(lying(record), "another") is None
    facts = lying(record).given_headers or []
    broken = [(name, b"x" if name == "dead-letter.partition" else held) for name, held in facts]
    assert letter(MemoryRecord((0, 0), None, None, broken), TOPIC) is None


def test_markers_are_read_back_and_strange_ones_are_nobodys() -> None:
    purge = Purge("2026", "vm", 0, 9, 3, 1, {"json": 3}, {2: FromPartition(3, 17)})
    for made in (Redriven("2026", "vm", [Return(4, (1, 2, 3), (0, 5))]), Purged([purge])):
        value, headers = written(made)
        record = MemoryRecord((0, 1), None, value, headers)
        assert marks(record)
        assert letter(record, TOPIC) == made
        assert letter(MemoryRecord((0, 1), None, b"{", headers), TOPIC) is None


@pytest.mark.parametrize(
    ("text", "ago"), [("90s", 90), ("2h", 7_200), ("1.5d", 129_600), ("1w", 604_800), ("30m", 1_800)]
)
def test_times_are_written_as_how_long_ago(text: str, ago: int) -> None:
    assert instant(text, NOW) == NOW - 1000 * ago


def test_times_are_written_in_iso_8601_in_utc_unless_they_say_otherwise() -> None:
    assert instant("2024-12-15T10:00:00", NOW) == instant("2024-12-15T12:00:00+02:00", NOW) == 1_734_256_800_000
    assert moment(instant("2024-12-15", NOW)) == "2024-12-15T00:00:00Z"
    assert moment(10**18).endswith(" ms")


@pytest.mark.parametrize("text", ["", "yesterday", "2", "-2h", "h", "12:00:61", "9999999-01-01", "1e9d"])
def test_other_words_for_a_time_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no time"):
        instant(text, NOW)


def test_old_records_go_with_the_time_of_now_so_that_retention_leaves_them_until_they_are_read() -> None:
    assert timestamp_to_send(NOW - 10, NOW, kept=100) == NOW - 10
    assert timestamp_to_send(NOW - 51, NOW, kept=100) is None
    assert timestamp_to_send(5, NOW, kept=-1) == 5
    assert timestamp_to_send(-1, NOW, kept=-1) is None


@patient
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_nothing_that_is_shown_can_command_a_terminal(content: bytes) -> None:
    for shown in (visible(content), cell(content), *lines(content)):
        assert all(c.isprintable() or c == "\t" for c in shown)
    assert len(cell(content)) <= 24


def test_values_are_shown_as_text_or_hex_and_long_ones_are_cut() -> None:
    assert list(lines(b'{\n\t"a": "\x1b[2J\xc3\xa9"}\r')) == ["{", '\t"a": "\\x1b[2Jé"}\\r']
    assert list(lines(b"\xffabc\n")) == ["00000000  ff 61 62 63 0a                                   |.abc.|"]
    assert list(lines(b"a" * 100_003))[-1] == "… and 3 more bytes: --raw writes all of them"
    assert list(lines(b"\xff" * 5_000))[-1] == "… and 904 more bytes: --raw writes all of them"


FIRST = Id(0, 0)


def made(at: Id = FIRST, reason: str = "json", origin: tuple[int, int, int] = (0, 0, 0), **more: object) -> Letter:
    given = {"time": 0, "message": "", "key": None, "value": b"{", "headers": [], "left_out": LeftOut()} | more
    return Letter(id=at, reason=reason, origin=origin, **given)  # type: ignore[arg-type]


def test_a_choice_is_all_that_everything_given_agrees_with() -> None:
    assert Choice().takes(made())
    assert not Choice(ids=frozenset([Id(0, 1)])).takes(made())
    assert Choice(reasons=frozenset(["json"]), partitions=frozenset([0])).takes(made())
    assert not Choice(reasons=frozenset(["json"]), partitions=frozenset([1])).takes(made())
    assert [Choice(since=5, until=9).takes(made(time=at)) for at in (4, 5, 8, 9)] == [False, True, True, False]


@patient
@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 50)).map(lambda at: Id(*at)), min_size=1))
def test_ids_are_read_in_as_small_a_part_of_the_topic_as_holds_them(ids: set[Id]) -> None:
    within = Choice(ids=frozenset(ids)).within(dict.fromkeys(range(9), (0, 99)))
    assert {p for p, _ in ids} == set(within)
    for partition, (low, high) in within.items():
        offsets = [offset for p, offset in ids if p == partition]
        assert (low, high) == (min(offsets), max(offsets) + 1)
    assert {parse_id(str(each)) for each in ids} == ids


@pytest.mark.parametrize("text", ["", "1", "1:", ":1", "-1:2", "1:2:3", "1:x", "1:" + "9" * 30])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no letter's id"):
        parse_id(text)


def test_ids_that_can_not_be_there_are_refused() -> None:
    choice.refuse_if_gone([Id(0, 5), Id(0, 8)], {0: (5, 9)})
    for gone, why in (
        (Id(0, 4), "not there any more"),
        (Id(0, 9), "ends at offset 9"),
        (Id(1, 5), "partitions 0 to 0"),
    ):
        with pytest.raises(Refused, match=why):
            choice.refuse_if_gone([gone], {0: (5, 9)})
    with pytest.raises(Refused, match="0:6: what lies there is a marker"):
        choice.refuse_if_missing([Id(0, 5), Id(0, 6)], [Id(0, 5)])


GOOD = b'{"user_id": "u"}'


def decided(one: Letter, value: bytes | None, *, force: bool = False, limit: int = 1_048_588) -> Returned | Stays:
    returns = Returns(Settings(topics=TopicSettings(max_message_bytes=limit)), partitions=2, kept=-1, force=force)
    return returns.decide(one, Content(one.key, one.value, one.headers), value, NOW)


def test_what_goes_back_has_the_letters_key_partition_time_and_own_headers() -> None:
    one = made(Id(1, 7), origin=(1, 5, 99), key=b"k", headers=[("a", None), (REDRIVEN_FROM, b"0:3"), ("a", b"1")])
    sent = decided(one, GOOD)
    assert isinstance(sent, Returned)
    assert (sent.id, sent.partition, sent.key, sent.value, sent.timestamp) == (Id(1, 7), 1, b"k", GOOD, 99)
    assert sent.headers == [("a", None), ("a", b"1"), (REDRIVEN_FROM, b"1:7")]


def test_a_partition_that_is_not_there_any_more_is_chosen_by_the_key() -> None:
    sent = decided(made(origin=(2, 5, 99)), GOOD)
    assert isinstance(sent, Returned)
    assert sent.partition == -1


@pytest.mark.parametrize("value", [None, b"", b"{", b"[1]", b'{"user_id": ""}', b"\xff"])
def test_what_the_workers_would_refuse_again_stays_unless_forced(value: bytes | None) -> None:
    stays = decided(made(), value)
    assert isinstance(stays, Stays)
    assert stays.why.startswith("would be a dead letter again: ")
    assert isinstance(decided(made(), value, force=True), Returned)


def test_what_the_input_would_not_take_stays_even_when_forced() -> None:
    for force in (False, True):
        stays = decided(made(), b'{"user_id": "u", "x": "' + b"x" * 5_000 + b'"}', force=force, limit=5_000)
        assert isinstance(stays, Stays)
        assert stays.why == "too large for the input"


@patient
@given(RECORDS)
def test_failing_again_and_again_a_record_never_gathers_headers_of_ours(record: MemoryRecord) -> None:
    own = [held for held in record.given_headers or [] if not held[0].startswith("dead-letter.")]
    for at in range(3):
        found = letter(lying(record, (0, at)), TOPIC)
        assert isinstance(found, Letter)
        if found.left_out:
            return
        headers = headers_of(found, found.headers)
        assert headers == [*own, (REDRIVEN_FROM, f"0:{at}".encode())]
        record = MemoryRecord((0, 10 + at), found.key, found.value, headers, 5)


def test_a_purge_ends_at_the_first_letter_that_stays_in_each_partition() -> None:
    cutoff = cutting.Cutoff(before=10)
    assert [cutoff.takes(Id(0, 0), time) for time in (9, 10)] == [True, False]
    cutoff = cutting.Cutoff(through=cutting.through([Id(1, 4), Id(1, 3)]))
    assert [cutoff.takes(Id(*at), 0) for at in ((1, 4), (1, 5), (0, 0))] == [True, False, False]


def test_a_purge_writes_down_how_many_letters_of_which_records_went() -> None:
    cut = cutting.Cut(start=3, before=3)
    cut.take(made(Id(0, 3), "json", (0, 8, 0)), redriven=True)
    cut.take_stranger(4)
    cut.take(made(Id(0, 6), "empty", (4, 2, 0)), redriven=False)
    cut.take(made(Id(0, 7), "json", (0, 9, 0)), redriven=False)
    found = cut.purge("2026", "vm")
    assert (found.start, found.before, found.letters, found.redriven) == (3, 8, 3, 1)
    assert found.origins == {0: FromPartition(2, 9), 4: FromPartition(1, 2)}
    assert found.reasons == {"json": 2, "empty": 1, cutting.STRANGERS: 1}
    cutting.refuse_if_others_go(cutting.together([cut]), frozenset())
    with pytest.raises(Refused, match=r"would go 1 \(no dead letters\), 1 empty"):
        cutting.refuse_if_others_go(cutting.together([cut, cutting.Cut(0, 0)]), frozenset(["json"]))


def test_recent_moments_are_shown_to_the_second() -> None:
    at = datetime(2026, 1, 31, 12, tzinfo=UTC) + timedelta(milliseconds=999)
    assert moment(round(at.timestamp() * 1000)) == "2026-01-31T12:00:00Z"
