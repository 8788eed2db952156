"""The decoder agrees with the slow reference, whatever the bytes: on what is a login, and on every field of it."""

import json
from collections.abc import Callable

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from processor.logins.decode import Decoder
from processor.logins.process import encode
from processor.logins.records import Login, Rejected
from tests.unit import login_reference as reference

NOW = 1_700_000_000_123
Draw = Callable[[st.SearchStrategy], object]

keeping, dropping = Decoder("keep"), Decoder("drop")
thorough = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])

digits = st.text("0123456789", min_size=1, max_size=20)
number_texts = st.one_of(
    st.integers(-(10**13), 10**13).map(str),
    st.sampled_from([10**11, -(10**11), 253_402_300_799_999, -62_135_596_800_000, 10**256, 10**4300])
    .flatmap(lambda edge: st.integers(edge - 1, edge + 1))
    .map(lambda number: str(number) if abs(number) < 10**4000 else "9" * 4300 + str(abs(number) % 2)),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.builds("{}{}.{}".format, st.sampled_from(["", "-"]), st.integers(0, 10**12), digits),
    st.builds(
        "{}{}.{}{}{}".format,
        st.sampled_from(["", "-"]),
        st.integers(0, 10**6),
        digits,
        st.sampled_from(["e", "E", "e+", "e-"]),
        st.integers(0, 400),
    ),
    st.sampled_from(
        ["-0", "-0.0", "1e400", "-1e400", "1e-400", "0e9999999", "NaN", "-Infinity", "01", "1.", ".5", "-", "+1", "1e"]
    ),
)
two = st.integers(0, 61).map("{:02}".format)
dates = st.one_of(
    st.dates().map(str),
    st.dates().map(lambda day: day.strftime("%Y%m%d").zfill(8)),
    st.builds("{:04}-{}-{}".format, st.integers(0, 9999), two, two),
    st.builds("{:04}{}".format, st.integers(0, 9999), two),
    st.builds("{:04}-W{}{}".format, st.integers(0, 9999), two, st.sampled_from(["", "-1", "-7", "-8", "3"])),
    st.builds("{:04}W{}{}".format, st.integers(0, 9999), two, st.sampled_from(["", "1", "7", "0", "-3"])),
)
times = st.one_of(
    st.times().map(str),
    st.builds("{}".format, two),
    st.builds("{}:{}".format, two, two),
    st.builds("{}{}".format, two, two),
    st.builds("{}:{}:{}{}{}".format, two, two, two, st.sampled_from(",."), digits),
    st.builds("{}{}{}.{}".format, two, two, two, digits),
    st.builds("{}:{}{}".format, two, two, two),
)
offsets = st.one_of(
    st.sampled_from(["", "", "Z", "z", "+00:00", "-00:00", " Z", "+24:00", "+1", "\u221201:00"]),
    st.builds("{}{}{}{}".format, st.sampled_from("+-"), two, st.sampled_from(["", ":"]), st.one_of(two, st.just(""))),
)
written_times = st.one_of(
    st.datetimes(timezones=st.none() | st.timezones()).map(lambda at: at.isoformat()),
    st.builds("{}{}{}{}".format, dates, st.sampled_from("T T_t"), times, offsets),
    dates,
    number_texts,
    st.text(max_size=20),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def text_of(value: object) -> st.SearchStrategy[str]:
    return st.booleans().map(lambda ascii_only: json.dumps(value, ensure_ascii=ascii_only))


any_text = st.one_of(json_values.flatmap(text_of), number_texts)
strings = st.one_of(st.text(max_size=12), st.sampled_from(["", "a" * 256, "a" * 257, "\N{ROCKET}" * 256]))
escaped = st.sampled_from([r'"\ud83d\ude80"', r'"\ud83d"', r'"\ude80x"', r'"\\ud800"', r'"\u0000"', '"\n"', r'"\/"'])
string_texts = st.one_of(strings.flatmap(text_of), escaped)
user_texts = st.one_of(string_texts, st.integers().map(str), st.sampled_from(["1" * 256, "-" + "1" * 257]), any_text)
time_texts = st.one_of(number_texts, written_times.flatmap(text_of), st.just("null"), any_text)
names = st.sampled_from(reference.OWN)
members = st.one_of(
    st.tuples(st.just('"user_id"'), user_texts),
    st.tuples(st.just('"timestamp"'), time_texts),
    st.tuples(st.sampled_from(reference.ANNOUNCED).map(json.dumps), st.one_of(string_texts, st.just("null"), any_text)),
    st.tuples(st.sampled_from(['"processed_timestamp"', r'"us\u0065r_id"', '"x"', '""', '"user_id "']), any_text),
    st.tuples(string_texts, any_text),
)
insertions = st.one_of(st.binary(max_size=2), st.sampled_from(rb'{ } [ ] , : " \ 0 e - .'.split()))
blanks = st.sampled_from(["", "", "", " ", "\n\t", "\r"])


@st.composite
def login_values(draw: Draw) -> bytes:
    """Draw texts near that of a login, with equal names, blanks, and anything where something else belongs."""
    usual = [('"user_id"', draw(user_texts)), ('"timestamp"', draw(time_texts))]
    fields = draw(st.permutations(usual[: draw(st.integers(1, 2))] + draw(st.lists(members, max_size=5))))
    blank = draw(blanks)
    text = ",".join(f"{blank}{name}{blank}:{blank}{held}{blank}" for name, held in fields)
    return (blank + "{" + text + "}" + blank).encode("utf-8", "surrogatepass")


@st.composite
def mutated_logins(draw: Draw) -> bytes:
    """Draw texts of logins with bytes cut out, put in or exchanged."""
    value = bytearray(draw(login_values()))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(value)))
        end = draw(st.sampled_from([at, at, at + 1, at + 1, at + 4, len(value)]))
        value[at:end] = draw(insertions)
    return bytes(value)


def assert_agreement(value: bytes, record_timestamp: int = NOW) -> None:
    for decoder, keep in ((keeping, True), (dropping, False)):
        decided = decoder.decode(value, record_timestamp)
        try:
            expected = reference.processed(value, record_timestamp, NOW, keep)
        except reference.DeadLetterError:
            assert isinstance(decided, Rejected)
            assert len(decided.message) <= 200
        else:
            assert isinstance(decided, Login), decided
            assert reference.lossless(encode(decided, NOW)) == list(expected.items())


@thorough
@given(st.binary())
def test_the_decoder_agrees_on_arbitrary_bytes(value: bytes) -> None:
    assert_agreement(value)


@thorough
@given(any_text)
def test_the_decoder_agrees_on_arbitrary_json(text: str) -> None:
    assert_agreement(text.encode("utf-8", "surrogatepass"))


@thorough
@given(login_values(), st.sampled_from([NOW, 0, -1, -62_135_596_800_001, 253_402_300_799_999, 253_402_300_800_000]))
@example(b'{"user_id":"u","timestamp":1694479550.99999999999999999}', NOW)
@example(b'{"user_id":"u","timestamp":-0.0000000000000000000001,"x":1.10,"y":1e5}', NOW)
@example(b'{"user_id":"u","timestamp":99999999999.9999,"x":123456789012345678901234567890}', NOW)
def test_the_decoder_agrees_on_texts_like_those_of_logins(value: bytes, record_timestamp: int) -> None:
    assert_agreement(value, record_timestamp)


@thorough
@given(mutated_logins())
def test_the_decoder_agrees_on_mutilated_logins(value: bytes) -> None:
    assert_agreement(value)


@thorough
@given(time_texts)
def test_the_decoder_agrees_on_time_stamps(text: str) -> None:
    assert_agreement(f'{{"user_id":"u","timestamp":{text}}}'.encode("utf-8", "surrogatepass"))
    assert_agreement(f'{{"user_id":"u","timestamp":{text},"unannounced":0}}'.encode("utf-8", "surrogatepass"))


@thorough
@given(user_texts)
def test_the_decoder_agrees_on_user_ids(text: str) -> None:
    assert_agreement(f'{{"user_id":{text}}}'.encode("utf-8", "surrogatepass"))
    assert_agreement(f'{{"user_id":{text},"unannounced":0}}'.encode("utf-8", "surrogatepass"))
