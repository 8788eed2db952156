from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.logins.lines import CHUNK_RECORDS, Lines, key

FILE = st.lists(st.sampled_from([b"\n", b"{}", b'{"user_id":"a"}', b"\xff", b"\r", b" ", b"x"])).map(b"".join)


def pieces(file: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(file), *(cut % (len(file) + 1) for cut in cuts)})
    return [file[start:end] for start, end in pairwise(edges)]


def values(lines: Lines) -> list[bytes | None]:
    return [value for _, value in chain.from_iterable(lines.records())]


@given(FILE, st.lists(st.integers(0, 1000)))
def test_however_a_file_comes_in_pieces_its_records_are_its_lines_byte_for_byte(file: bytes, cuts: list[int]) -> None:
    assert values(Lines(pieces(file, cuts))) == [line for line in file.split(b"\n") if line]


@given(FILE, st.lists(st.integers(0, 1000)))
def test_every_line_is_a_record_or_counted_as_skipped(file: bytes, cuts: list[int]) -> None:
    lines = Lines(pieces(file, cuts))

    written = len(values(lines))

    unended = not file.endswith(b"\n") and file != b""
    assert written + lines.skipped == file.count(b"\n") + unended
    assert lines.bytes == len(file)


def test_only_a_line_feed_ends_a_line() -> None:
    line = '{"user_id":"a\u2028b\u0085c"}\r\v\f'.encode()

    assert values(Lines([line + b"\n"])) == [line]


def test_many_short_lines_come_in_chunks() -> None:
    chunks = list(Lines([b"x\n" * (2 * CHUNK_RECORDS + 1)]).records())

    assert [len(chunk) for chunk in chunks] == [CHUNK_RECORDS, CHUNK_RECORDS, 1]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b'{"user_id":"a","timestamp":"no time"}', b"a"),
        (b'{"x":[1,{}],"user_id":"\\u00e9"}', "é".encode()),
        (b'{"user_id":12345678901234567890123456789012}', b"12345678901234567890123456789012"),
        (b'{"user_id":""}', None),
        (b'{"user_id":"' + b"a" * 257 + b'"}', None),
        (b'{"user_id":true}', None),
        (b'{"user_id":null}', None),
        (b'{"user_id":"a"', None),
        (b'{"user_id":"\\ud800"}', None),
        (b'{"user_id":"\xff"}', None),
        (b'{"user_id":' + b"9" * 10_000 + b"}", None),
        (b"[" * 100_000, None),
        (b"", None),
    ],
)
def test_the_key_is_the_user_where_one_can_be_read(line: bytes, found: bytes | None) -> None:
    assert key(line) == found


@given(st.binary())
def test_reading_a_key_never_fails(line: bytes) -> None:
    found = key(line)

    assert found is None or 1 <= len(found.decode()) <= 256
