"""One partition's share of what a poll returned, and the columns that processing makes of it."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from processor.logins.headers import Headers
from processor.logins.records import Rejected


class Record(Protocol):
    """A consumed record, as confluent_kafka's Message has it."""

    def partition(self) -> int | None:
        """Its partition."""

    def offset(self) -> int | None:
        """Its offset."""

    def key(self) -> bytes | None:
        """Its key; None is none, empty is empty."""

    def value(self) -> bytes | None:
        """Its value; None is a tombstone."""

    def headers(self) -> Any:
        """Its Headers in order, or None; to be called by `headers.ask` or `asking` only."""

    def timestamp(self) -> tuple[int, int]:
        """The kind of its time stamp, and milliseconds since the epoch."""


PART_RECORDS = 500
"""At most so many make a part: with ten thousand, each step would fetch all of them from memory anew (7 % of CPU)."""


class Part(Struct, frozen=True):
    """Records of one partition in rising offset; `end` is the offset after the last."""

    partition: int
    records: Sequence[Record]
    end: int


def _offset(record: Record) -> int:
    return record.offset() or 0


def parts(records: Sequence[Record], expected: Mapping[int, int]) -> list[Part]:
    """Divide a poll's records by partition, keeping only those at or after the offset that each expects next.

    Partitions that nobody expects are dropped: records of a partition that was just revoked. So are records that come
    twice (seen shortly after an incremental assign: librdkafka#4637). A part is small enough for the processor's
    cache, so a partition may have several, in order.
    """
    following = dict(expected)
    made = []
    for at in range(0, len(records), PART_RECORDS):
        for partition, some in _by_partition(records[at : at + PART_RECORDS]).items():
            if partition in following:
                part = _part(partition, some, following[partition])
                following[partition] = part.end
                made.append(part)
    return [part for part in made if part.records]


def _by_partition(records: Sequence[Record]) -> dict[int | None, list[Record]]:
    places = [record.partition() for record in records]
    if places.count(places[0]) == len(places):
        return {places[0]: list(records)}
    found: dict[int | None, list[Record]] = {}
    for partition, record in zip(places, records, strict=True):
        found.setdefault(partition, []).append(record)
    return found


def _part(partition: int, records: list[Record], expected: int) -> Part:
    first = _offset(records[0])
    offsets = range(first, first + len(records))  # the first and the last alone don't tell: a gap hides a repetition
    if first < expected or [record.offset() for record in records] != list(offsets):
        records = _rising(records, expected)
    return Part(partition, records, _offset(records[-1]) + 1 if records else expected)


def _rising(records: list[Record], expected: int) -> list[Record]:
    kept = []
    for record in records:
        if _offset(record) >= expected:
            kept.append(record)
            expected = _offset(record) + 1
    return kept


class Batch(Struct, frozen=True):
    """What one partition's records became, in columns of equal length."""

    part: Part
    users: Sequence[str | Rejected]  # whose login it is, or why it is none
    keys: Sequence[bytes | None]  # of the output record
    values: Sequence[bytes | None]  # of the output record; None where the login was rejected
    headers: Sequence[Headers | None] | None  # None when no record has any
    rejected: int  # how many were
    size: int  # bytes of keys and values, or more: of a slice, those of the whole

    def below(self, offset: int) -> int:
        """How many of its records lie below an offset."""
        records = self.part.records
        return 0 if _offset(records[0]) >= offset else bisect_left(records, offset, key=_offset)

    def since(self, offset: int) -> "Batch":
        """The part of the batch at or after an offset."""
        at = self.below(offset)
        return self if at == 0 else self._slice(slice(at, None), self.part.end)

    def before(self, offset: int) -> "Batch":
        """The part of the batch below an offset; its end is after its last record, and without one the offset."""
        at = bisect_left(self.part.records, offset, key=_offset)
        end = _offset(self.part.records[at - 1]) + 1 if at else offset
        return self._slice(slice(at), end)

    def _slice(self, kept: slice, end: int) -> "Batch":
        part = Part(self.part.partition, self.part.records[kept], end)
        users = self.users[kept]
        headers = self.headers[kept] if self.headers is not None else None
        rejected = sum(type(user) is Rejected for user in users)
        return Batch(part, users, self.keys[kept], self.values[kept], headers, rejected, self.size)

    def user_ids(self) -> Sequence[str]:
        """The user of each valid login."""
        if not self.rejected:
            return self.users  # type: ignore[return-value]
        return [user for user in self.users if isinstance(user, str)]
