"""A login whose user's id is a number, and nothing else unusual: common, so the complete rules are spared it."""

from msgspec import json

from processor.logins.records import MAX_USER_ID, Login
from processor.logins.timestamps import Instants, of_record


class _Numbered(Login, gc=False, forbid_unknown_fields=True):
    user_id: int  # type: ignore[assignment]


_read = json.Decoder(_Numbered).decode
_TOO_LONG = 10**MAX_USER_ID


def decode_numbered(value: bytes | None, record_timestamp: int, instants: Instants) -> Login | None:
    """Decode it as `decode_unusual` would, at an eighth of the cost; None when it is anything else."""
    try:
        found = _read(value)  # type: ignore[arg-type]  # a tombstone is a TypeError
        given = found.timestamp
        instant = of_record(record_timestamp) if given is None else instants[given]
    except (ValueError, RecursionError, TypeError):
        return None
    if abs(found.user_id) >= _TOO_LONG:
        return None
    optional = found.app_version, found.device_type, found.ip, found.locale, found.device_id
    return Login(str(found.user_id), *optional, instant)
