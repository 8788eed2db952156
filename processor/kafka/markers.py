"""Markers in the dead letters' topic: which letters were redriven, and which were purged; they are no letters.

A marker lies in the partition of the letters that it speaks of, behind them. Retention and purges delete a partition
from its beginning, so a letter is never there without what is known about it.
"""

from msgspec import DecodeError, Struct, json

from processor.kafka.dead_letters import PREFIX, REASON
from processor.logins.batch import Record
from processor.logins.headers import UNREADABLE, Headers, ask

_MARKER = f"{PREFIX}marker"

Place = tuple[int, int]  # partition and offset
Origin = tuple[int, int, int]  # partition, offset and time stamp of the input record; the last tells topics apart


class Return(Struct, frozen=True, array_like=True):
    """One letter that went back to the input: its offset, whose letter it is, and where it went."""

    offset: int
    origin: Origin
    to: Place


class Redriven(Struct, frozen=True, tag="redriven", tag_field="marker"):
    """Letters of one partition that went back to the input, in the transaction that sent them."""

    when: str  # in UTC
    by: str  # host
    letters: list[Return]


class FromPartition(Struct, frozen=True, array_like=True):
    """Purged letters of one partition of the input: how many, and the greatest offset whose letter was among them."""

    letters: int
    last: int


class Purge(Struct, frozen=True):
    """One deletion of all letters of a partition between two offsets."""

    when: str  # in UTC
    by: str  # host
    start: int  # the log's first offset at that time
    before: int  # its first offset afterwards
    letters: int
    redriven: int  # how many of them were redriven
    reasons: dict[str, int]
    origins: dict[int, FromPartition]


class Purged(Struct, frozen=True, tag="purged", tag_field="marker"):
    """All purges of a partition, as one may delete the marker of another; the last marker counts."""

    purges: list[Purge]


Marker = Redriven | Purged

_read = json.Decoder(Marker).decode
_write = json.Encoder().encode


def is_marker(headers: Headers) -> bool:
    """Whether a record is a marker: every letter has a reason, whatever headers its record had, a marker has none."""
    names = {name for name, _ in headers}
    return _MARKER in names and REASON not in names


def marks(record: Record) -> bool:
    """Whether a record of the dead letters' topic is a marker."""
    try:
        return is_marker(ask(record) or [])
    except UNREADABLE:
        return False


def marker(value: bytes | None) -> Marker | None:
    """Read a marker's value; None when it can't be read: somebody else wrote it."""
    try:
        found: Marker = _read(value or b"")
    except DecodeError:
        return None
    return found


def written(made: Marker) -> tuple[bytes, Headers]:
    """A marker as a record's value and headers."""
    name = "redriven" if isinstance(made, Redriven) else "purged"
    return _write(made), [(_MARKER, name.encode())]
