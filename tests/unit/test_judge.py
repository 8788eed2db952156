"""Records become columns; the same record is judged the same way in whatever company it comes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from processor.logins.batch import Batch, Part, Record
from processor.logins.decode import Decoder
from processor.logins.headers import Headers
from processor.logins.judge import OVERHEAD_BYTES, Judge, record_bytes
from processor.logins.records import Rejected
from tests.twins.record import MemoryRecord

NOW = 1_700_000_123_456
SMALL = 190 + OVERHEAD_BYTES  # some of the drawn logins fit this, some do not
EMPTY_HEADERS: Headers = []


class Named:
    """A record that may be asked for its headers once; of a bad one a header's name is not UTF-8."""

    def __init__(self, of: MemoryRecord, *, bad: bool = False) -> None:
        self.of = of
        self.bad = bad
        self.asked = 0

    def headers(self) -> Headers | None:
        self.asked += 1
        assert self.asked == 1, "the second answer of confluent_kafka ends the process"
        if not self.bad:
            return self.of.headers()
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    def __getattr__(self, name: str) -> object:
        return getattr(self.of, name)


values = (
    st.none()
    | st.sampled_from([b"", b"{", b"[]", b'{"user_id":""}', b"\xff"])
    | st.integers(0, 60).map(lambda size: b'{"user_id":"u","timestamp":1,"x":"%s"}' % (b"x" * size))
)
keys = st.none() | st.sampled_from([b"", b"key", b"k" * 40])
headers = st.sampled_from([None, EMPTY_HEADERS, [("a", None)], [("name", b"x" * 30)]])
records = st.builds(
    lambda key, value, carried, bad: Named(MemoryRecord((0, 0), key, value, carried), bad=bad),
    keys,
    values,
    headers,
    st.sampled_from([False] * 9 + [True]),
)


def judge(*given_records: Record, limit: int = 1_000_000) -> Batch:
    return Judge(Decoder("keep"), limit, lambda: NOW).judge(Part(0, given_records, len(given_records)))


def fresh(record: Record) -> Record:
    return Named(record.of, bad=record.bad) if isinstance(record, Named) else record


@given(st.lists(records, min_size=1, max_size=8))
def test_company_makes_no_difference(together: list[Record]) -> None:
    batch = judge(*map(fresh, together), limit=SMALL)

    alone = [judge(fresh(record), limit=SMALL) for record in together]
    assert batch.users == [one.users[0] for one in alone]
    assert batch.keys == [one.keys[0] for one in alone]
    assert batch.values == [one.values[0] for one in alone]
    assert [each or None for each in batch.headers or [None] * len(together)] == [
        one.headers[0] if one.headers else None for one in alone
    ]
    assert batch.rejected == sum(one.rejected for one in alone)
    assert batch.size >= sum(len(text or b"") for column in (batch.keys, batch.values) for text in column)


@given(st.lists(records, min_size=1, max_size=8))
def test_a_value_is_there_exactly_where_there_is_a_login_and_fits(together: list[Record]) -> None:
    batch = judge(*map(fresh, together), limit=SMALL)

    for at, (user, value) in enumerate(zip(batch.users, batch.values, strict=True)):
        assert isinstance(user, Rejected) == (value is None)
        carried = batch.headers[at] if batch.headers else None
        assert value is None or record_bytes(batch.keys[at], value, carried) <= SMALL
    assert batch.rejected == batch.values.count(None)
    assert list(batch.user_ids()) == [user for user in batch.users if isinstance(user, str)]


def test_a_login_without_a_key_gets_its_user_as_the_key_and_an_empty_key_stays() -> None:
    login = b'{"user_id":"\xc3\xa9"}'

    batch = judge(MemoryRecord((0, 0), None, login), MemoryRecord((0, 1), b"", login), MemoryRecord((0, 2), None, b"{"))

    assert batch.keys == ["é".encode(), b"", None]


def test_whose_login_it_is_is_said_by_the_value_and_not_by_the_key() -> None:
    batch = judge(MemoryRecord((0, 0), b"another", b'{"user_id":"u"}', [("user_id", b"third")]))

    assert (batch.users, batch.keys) == (["u"], [b"another"])


def test_exactly_what_fits_is_taken_headers_and_key_counted() -> None:
    record = MemoryRecord((0, 0), b"key", b'{"user_id":"u"}', [("né", b"12345"), ("none", None)])
    (value,) = judge(record).values
    size = 3 + len(value or b"") + (3 + 5 + 10) + (4 + 10) + OVERHEAD_BYTES

    assert judge(record, limit=size).values == [value]

    refused = judge(record, limit=size - 1)
    assert refused.values == [None]
    assert [user.reason for user in refused.users if isinstance(user, Rejected)] == ["too-large"]


def test_a_header_name_that_is_not_utf_8_makes_a_dead_letter_of_its_record_only() -> None:
    login = b'{"user_id":"u"}'
    neighbour = MemoryRecord((0, 1), b"k", login, [("a", b"1")])

    batch = judge(Named(MemoryRecord((0, 0), b"k", login), bad=True), Named(neighbour))

    refused, taken = batch.users
    assert isinstance(refused, Rejected)
    assert refused.reason == "headers"
    assert taken == "u"
    assert batch.values[0] is None
    assert batch.headers == [None, [("a", b"1")]]


def test_no_headers_is_no_column() -> None:
    login = b'{"user_id":"u"}'

    assert judge(MemoryRecord((0, 0), b"k", login), MemoryRecord((0, 1), b"k", login, [])).headers is None
    assert judge(MemoryRecord((0, 0), b"k", login, [("a", None)])).headers == [[("a", None)]]


def test_a_batch_is_stamped_with_one_time() -> None:
    batch = judge(*(MemoryRecord((0, n), b"k", b'{"user_id":"u"}') for n in range(3)))

    assert {json.loads(value or b"")["processed_timestamp"] for value in batch.values} == {NOW}


def test_no_records_are_an_empty_batch_that_ends_where_the_part_does() -> None:
    batch = Judge(Decoder("keep"), 1_000_000, lambda: NOW).judge(Part(0, [], 7))

    assert (batch.users, batch.keys, batch.values, batch.headers, batch.part.end) == ([], [], [], None, 7)
