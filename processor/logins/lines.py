"""The lines of a file as records of user-login: byte for byte, keyed by their user where one can be read."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, json

from processor.logins.records import MAX_USER_ID

CHUNK_RECORDS = 10_000

Keyed = tuple[bytes | None, bytes | None]
"""A record's key and value."""


class _Known(Struct, gc=False):
    user_id: str | int


_read = json.Decoder(_Known).decode


class Lines:
    """Makes records of a stream that comes in pieces; counts what it skips.

    A line is what lies between two line feeds: a carriage return before one, blanks and a byte order mark stay in the
    record, as they would in any other producer's. A line of no bytes is skipped, and counted.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.bytes = 0  # taken in so far
        self.skipped = 0  # empty lines so far
        self._pieces = pieces

    def records(self) -> Iterator[Sequence[Keyed]]:
        """All records in order, some thousand at a time."""
        begun: list[bytes] = []  # a line that goes on in the next piece
        for piece in self._pieces:
            self.bytes += len(piece)
            first, *others = piece.split(b"\n")
            begun.append(first)
            if others:
                lines = [b"".join(begun), *others[:-1]]
                begun = [others[-1]]
                yield from self._chunks(lines)
        last = b"".join(begun)
        if last:  # else the file ends with a line feed, as it should
            yield from self._chunks([last])

    def _chunks(self, lines: list[bytes]) -> Iterator[Sequence[Keyed]]:
        filled = [line for line in lines if line]
        self.skipped += len(lines) - len(filled)
        for start in range(0, len(filled), CHUNK_RECORDS):
            yield [(key(line), line) for line in filled[start : start + CHUNK_RECORDS]]


def key(line: bytes) -> bytes | None:
    """The user id that a line holds, as text; None where there is none to be read, whatever else may be wrong."""
    try:
        user = str(_read(line).user_id)
        return user.encode() if 1 <= len(user) <= MAX_USER_ID else None
    except (ValueError, RecursionError):  # a lone surrogate, and an integer of thousands of digits, are ValueErrors too
        return None
