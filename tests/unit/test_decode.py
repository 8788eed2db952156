"""What the decoder accepts and refuses, case by case; nothing raises out of it."""

import sys
from threading import Thread

import pytest

from processor.logins.decode import Decoder
from processor.logins.numbered import decode_numbered
from processor.logins.process import encode, process
from processor.logins.records import Login, Rejected
from processor.logins.timestamps import Instants
from processor.logins.unusual import UnknownFields, decode_unusual
from tests.unit import login_reference as reference
from tests.unit.hostile import CASES, LOGIN, nested

RECORD_TIME = 1_700_000_000_000
NOW = 1_700_000_000_123

hostile = pytest.mark.parametrize(("value", "outcome"), CASES.values(), ids=CASES.keys())


class Record:
    """A consumed record that tells whether its time was asked for."""

    def __init__(self, value: bytes | None, time: int = RECORD_TIME) -> None:
        self._value = value
        self._time = time
        self.asked = False

    def value(self) -> bytes | None:
        return self._value

    def timestamp(self) -> tuple[int, int]:
        self.asked = True
        return 1, self._time


def outcome_of(decided: Login | Rejected) -> str:
    return decided.reason if isinstance(decided, Rejected) else LOGIN


@hostile
def test_a_hostile_value_is_a_login_or_a_dead_letter_with_its_reason(value: bytes | None, outcome: str) -> None:
    assert outcome_of(Decoder("keep").decode(value, RECORD_TIME)) == outcome


@hostile
def test_dropping_unknown_fields_changes_nothing_of_what_is_valid(value: bytes | None, outcome: str) -> None:
    assert outcome_of(Decoder("drop").decode(value, RECORD_TIME)) == outcome


@hostile
def test_a_hostile_value_is_read_as_the_reference_reads_it(value: bytes | None, outcome: str) -> None:
    decided = Decoder("keep").decode(value, RECORD_TIME)

    if outcome == LOGIN:
        assert isinstance(decided, Login)
        expected = reference.processed(value, RECORD_TIME, NOW)
        assert reference.lossless(encode(decided, NOW)) == list(expected.items())
    else:
        with pytest.raises(reference.DeadLetterError):
            reference.processed(value, RECORD_TIME, NOW)


def test_the_usual_shape_needs_neither_the_complete_rules_nor_the_records_time() -> None:
    record = Record(
        b'{"user_id": "424cdd21", "app_version": "2.3.0", "device_type": "android", "ip": "199.172.111.135", '
        b'"locale": "RU", "device_id": "593-47-5928", "timestamp": "1694479551"}'
    )

    users, (value,) = process(Decoder("keep"), [record], NOW)

    assert users == ["424cdd21"]
    assert value == encode(
        Login("424cdd21", "2.3.0", "android", "199.172.111.135", "RU", "593-47-5928", 1_694_479_551_000), NOW
    )
    assert not record.asked


@pytest.mark.parametrize("unknown_fields", ["keep", "drop"])
def test_a_batch_is_processed_like_its_records_one_by_one_and_in_order(unknown_fields: UnknownFields) -> None:
    values = [value for value, _ in CASES.values() if len(value or b"") < 10_000]

    users, outputs = process(Decoder(unknown_fields), [Record(value) for value in values], NOW)

    alone = [Decoder(unknown_fields).decode(value, RECORD_TIME) for value in values]
    assert users == [one if isinstance(one, Rejected) else one.user_id for one in alone]
    assert outputs == [None if isinstance(one, Rejected) else encode(one, NOW) for one in alone]


@hostile
def test_a_login_of_a_number_is_what_the_complete_rules_make_of_it(value: bytes | None, outcome: str) -> None:
    found = decode_numbered(value, RECORD_TIME, Instants())

    assert found is None or (outcome == LOGIN and found == decode_unusual(value, RECORD_TIME, Instants(), "keep"))


def test_a_user_with_a_number_needs_no_complete_rules() -> None:
    assert decode_numbered(b'{"user_id":-7,"locale":"DE","timestamp":"1694479551"}', RECORD_TIME, Instants()) == Login(
        "-7", locale="DE", timestamp=1_694_479_551_000
    )


@pytest.mark.parametrize("field", [b"", b',"timestamp":null', b',"timestamp":1,"timestamp":null', b',"other":1'])
def test_a_login_without_a_timestamp_has_its_records(field: bytes) -> None:
    decided = Decoder("keep").decode(b'{"user_id":"u"' + field + b"}", RECORD_TIME)

    assert isinstance(decided, Login)
    assert decided.timestamp == RECORD_TIME


@pytest.mark.parametrize("field", [b"", b',"other":1'])
@pytest.mark.parametrize("time", [-1, -62_135_596_800_001, 253_402_300_800_000])
def test_a_login_without_a_timestamp_in_a_record_without_a_usable_one_is_refused(field: bytes, time: int) -> None:
    decided = Decoder("keep").decode(b'{"user_id":"u"' + field + b"}", time)

    assert outcome_of(decided) == "timestamp"


@pytest.mark.parametrize(
    ("given", "instant"),
    [
        ("1694479551", 1_694_479_551_000),
        ('"1694479551"', 1_694_479_551_000),
        ('"01694479551.5"', 1_694_479_551_500),
        ("1694479551123", 1_694_479_551_123),
        ("99999999999", 99_999_999_999_000),
        ("99999999999.9999", 99_999_999_999_999),
        ("100000000000", 100_000_000_000),
        ('"100000000000"', 100_000_000_000),
        ("100000000000.9", 100_000_000_000),
        ("1e11", 100_000_000_000),
        ("-99999999", -99_999_999_000),
        ("-100000000000", -100_000_000_000),
        ("1694479550.99999999999999999", 1_694_479_550_999),
        ("-0.0001", -1),
        ('"-0"', 0),
        ('"20241215"', 20_241_215_000),
        ('"2024-12-15"', 1_734_220_800_000),
        ('"2024-12-15T10:00:00"', 1_734_256_800_000),
        ('"2024-12-15 10:00"', 1_734_256_800_000),
        ('"20241215T100000,9999Z"', 1_734_256_800_999),
        ('"2024-W50-7T10+05:30"', 1_734_237_000_000),
        ('"1969-12-31T23:59:59.9999999-00:00"', -1),
        ('"0001-01-01T00:00:00Z"', -62_135_596_800_000),
        ('"9999-12-31T23:59:59.999Z"', 253_402_300_799_999),
    ],
)
@pytest.mark.parametrize("unknown", ["", ',"other":1'])
def test_a_time_stamp_is_whole_milliseconds_rounded_down(given: str, instant: int, unknown: str) -> None:
    decided = Decoder("keep").decode(f'{{"user_id":"u","timestamp":{given}{unknown}}}'.encode(), RECORD_TIME)

    assert isinstance(decided, Login)
    assert decided.timestamp == instant


@pytest.mark.parametrize(("digits", "user"), [(b"0", "0"), (b"-0", "0"), (b"-7", "-7"), (b"7" * 256, "7" * 256)])
def test_an_integer_user_becomes_its_decimal_string(digits: bytes, user: str) -> None:
    decided = Decoder("keep").decode(b'{"user_id":' + digits + b"}", RECORD_TIME)

    assert isinstance(decided, Login)
    assert decided.user_id == user


@pytest.mark.parametrize("user", [" u\t", "U", "\x00", "\N{ROCKET}" * 256, "e\u0301", "\u202eabc", '"\\/', "null"])
def test_a_users_string_is_kept_as_it_is(user: str) -> None:
    value = reference.json.dumps({"user_id": user, "other": 1}).encode()

    for decoded in (Decoder("keep").decode(value, RECORD_TIME), Decoder("drop").decode(value, RECORD_TIME)):
        assert isinstance(decoded, Login)
        assert decoded.user_id == user


@pytest.mark.parametrize(("value", "outcome"), [(nested(512), LOGIN), (nested(513), "nesting")])
@pytest.mark.parametrize("left", [60, 150, 400, 600])
def test_the_verdict_does_not_depend_on_how_deep_the_callers_stack_is(value: bytes, outcome: str, left: int) -> None:
    outcomes: list[Login | Rejected] = []

    def descend(levels: int) -> None:
        if levels:
            descend(levels - 1)
        else:
            outcomes.append(Decoder("keep").decode(value, RECORD_TIME))

    caller = Thread(target=descend, args=(sys.getrecursionlimit() - left,))
    caller.start()
    caller.join()

    assert [outcome_of(decided) for decided in outcomes] == [outcome]


@pytest.mark.parametrize(
    "value",
    [
        b'{"user_id":["SECRET"]}',
        b'{"user_id":"SECRET' + b"S" * 300 + b'"}',
        b'{"user_id":"u","timestamp":"SECRET"}',
        b'{"user_id":"u","timestamp":"2023-02-29T00:00:00"}',
        b'{"user_id":"u","ip":{"SECRET":1}}',
        b'{"user_id":"u","SECRET":1e400}',
        b'{"user_id":"u","SECRET":\xff}',
        b'{"user_id":"u","SECRET":}',
        b'{"user_id":"u","SECRET":"\\ud800"}',
        b'["SECRET"]',
        b"SECRET",
    ],
)
def test_a_reason_tells_nothing_of_the_login(value: bytes) -> None:
    decided = Decoder("keep").decode(value, RECORD_TIME)

    assert isinstance(decided, Rejected)
    assert "SECRET" not in decided.message
    assert "2023" not in decided.message
    assert len(decided.message) <= 200


def test_many_different_time_stamps_do_not_fill_the_memory() -> None:
    instants = Instants()

    for second in range(25_000):
        assert instants[str(second)] == second * 1000
        assert instants[second] == second * 1000
    assert instants["0" * 1_000_000] == 0

    assert len(instants) <= 10_000
    assert all(len(given) <= 40 for given in instants if isinstance(given, str))


def test_the_complete_rules_decide_alike_whatever_was_decoded_before() -> None:
    warm = Instants()
    values = [value for value, _ in CASES.values() if len(value or b"") < 10_000]
    for value in values:
        decode_unusual(value, RECORD_TIME, warm, "keep")

    for value in values:
        assert decode_unusual(value, RECORD_TIME, warm, "keep") == decode_unusual(
            value, RECORD_TIME, Instants(), "keep"
        )
