"""Records reduced to 16 bytes each: equal ones for what must be equal, whatever may differ left out."""

from collections.abc import Iterator
from hashlib import blake2b

from msgspec import DecodeError, Struct, json

from processor.logins.batch import Batch
from processor.logins.headers import Headers

_STAMP = b',"processed_timestamp":'
_DIGITS = b"0123456789"


class _Named(Struct, gc=False):
    user_id: str


_read_user = json.Decoder(_Named).decode


def fingerprint(key: bytes | None, value: bytes | None, headers: Headers | None) -> bytes:
    """Digest a record; each part has its length before it, so two records never share one by how they are divided."""
    if headers or key is None or value is None:
        parts = b"+%b%b%b" % (_part(key), _part(value), _listed(headers or []))
    else:
        parts = b"%d:%b%b" % (len(key), key, value)  # the usual shape, in one step
    return blake2b(parts, digest_size=16).digest()


def _part(part: bytes | None) -> bytes:
    return b"-" if part is None else b"%d:%b" % (len(part), part)


def _listed(headers: Headers) -> bytes:
    return b"".join(_part(name.encode()) + _part(value) for name, value in headers)


def expected(batch: Batch) -> Iterator[tuple[int, str, bytes]]:
    """Yield the offset, user and fingerprint of each output that these records must have; judged at the time 0."""
    carried = batch.headers or [None] * len(batch.values)
    for record, user, key, value, headers in zip(
        batch.part.records, batch.users, batch.keys, batch.values, carried, strict=True
    ):
        if value is not None:
            yield record.offset(), user, fingerprint(key, value, headers)  # type: ignore[misc]


def unstamped(value: bytes | None) -> bytes | None:
    """A processed record's value as if it had been processed at the time 0.

    The first such text is the field: before it come only strings, in which its quotation marks would be escaped.
    """
    if value is None:
        return None
    before, stamp, after = value.partition(_STAMP)
    rest = after.lstrip(_DIGITS)
    return before + stamp + b"0" + rest if len(rest) < len(after) else value


def user_of(value: bytes | None) -> str | None:
    """Whose login a processed record is, as far as it can be told."""
    try:
        return _read_user(value or b"").user_id
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None
