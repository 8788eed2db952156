"""From records to columns: decode, encode, and refuse what would not fit the output."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from processor.logins.batch import Batch, Part, Record
from processor.logins.decode import Decoder
from processor.logins.headers import UNREADABLE, Headers, asking
from processor.logins.privacy import Redaction
from processor.logins.process import process
from processor.logins.records import Rejected

OVERHEAD_BYTES = 1024  # what Kafka's framing adds to a record and to a batch of one, generously

_TOO_LARGE = Rejected("too-large", "the processed record would not fit the output topic")
BAD_HEADERS = Rejected("headers", "a header's name is not UTF-8")


class Judge(NamedTuple):
    """Turns records into batches; pure but for the clock it is given."""

    decoder: Decoder
    limit: int  # bytes of an output record: key, value and headers
    now: Callable[[], int]  # milliseconds since the epoch
    redaction: Redaction | None = None  # of addresses, after all is decided

    def judge(self, part: Part) -> Batch:
        """Decide for each record: a login with its output, or why not.

        The same record is judged the same way every time and everywhere: a login that was produced but not counted,
        or the other way round, would be the end of exactness.
        """
        records = part.records
        users, values = process(self.decoder, records, self.now())
        headers = _headers(records, users, values)
        keys = _keys(records, users)
        size = _bytes(keys) + _bytes(values)
        if headers is not None or (size + OVERHEAD_BYTES > self.limit and self._may_be_too_large(keys, values)):
            self._refuse_too_large(users, keys, values, headers)
        if self.redaction is not None:
            values = self.redaction.processed(values)
            size = _bytes(keys) + _bytes(values)
        return Batch(part, users, keys, values, headers, values.count(None), size)

    def _may_be_too_large(self, keys: list[bytes | None], values: list[bytes | None]) -> bool:
        largest = max(map(len, filter(None, keys)), default=0) + max(map(len, filter(None, values)), default=0)
        return largest + OVERHEAD_BYTES > self.limit

    def _refuse_too_large(
        self,
        users: list[str | Rejected],
        keys: list[bytes | None],
        values: list[bytes | None],
        headers: list[Headers | None] | None,
    ) -> None:
        for at, value in enumerate(values):
            size = record_bytes(keys[at], value, headers[at] if headers else None)
            if value is not None and size > self.limit:
                users[at], values[at] = _TOO_LARGE, None


def _bytes(column: Sequence[bytes | None]) -> int:
    return sum(map(len, filter(None, column)))


def record_bytes(key: bytes | None, value: bytes | None, headers: Headers | None) -> int:
    """An upper bound of a record's bytes on the wire, uncompressed."""
    named = sum(len(name.encode()) + len(held or b"") + 10 for name, held in headers or ())
    return len(key or b"") + len(value or b"") + named + OVERHEAD_BYTES


def _keys(records: Sequence[Record], users: Sequence[str | Rejected]) -> list[bytes | None]:
    keys = [record.key() for record in records]
    if None in keys:
        for at, user in enumerate(users):
            if keys[at] is None and isinstance(user, str):
                keys[at] = user.encode()
    return keys


def _headers(
    records: Sequence[Record], users: list[str | Rejected], values: list[bytes | None]
) -> list[Headers | None] | None:
    headers: list[Headers | None] = []
    remaining = map(asking(records), records)
    while len(headers) < len(records):
        try:
            headers.extend(remaining)
        except UNREADABLE:
            at = len(headers)
            users[at], values[at] = BAD_HEADERS, None
            headers.append(None)
    return headers if any(headers) else None
