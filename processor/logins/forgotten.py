"""The record by which it stays known that a user was forgotten: from where on their logins count again.

A user's tombstone is gone as soon as they come back. So a second one lies under a key that no user can have: it is
longer than any user id, and tells who it was only to somebody who knows the user id already. Its headers hold what is
to be known; without headers it is void, as a reset makes it. Compaction keeps the last one of a user, for as long as
the logins that it takes back may be in user-login.
"""

from hashlib import shake_256

from msgspec import DecodeError, Struct, json

from processor.logins.batch import Record
from processor.logins.headers import UNREADABLE, ask
from processor.logins.records import MAX_USER_ID

_PREFIX = b"forgotten:"
_CURSORS, _NUMBER, _LOGINS = "forgotten.cursors", "forgotten.number", "forgotten.logins"
_HASH_BYTES = MAX_USER_ID // 2  # hexadecimal, so the key is longer than a user id by its prefix
_KEY_BYTES = len(_PREFIX) + 2 * _HASH_BYTES


class Forget(Struct, frozen=True):
    """One user forgotten: of their logins those at or after `cursors` count, and all in partitions that it lacks."""

    cursors: dict[int, int]
    number: int  # rises with every snapshot of the shard that forgets somebody
    logins: int  # how many were forgotten

    def headers(self) -> list[tuple[str, str | bytes | None]]:
        """What goes with the tombstones."""
        cursors = json.encode({str(partition): offset for partition, offset in self.cursors.items()})
        return [(_CURSORS, cursors), (_NUMBER, b"%d" % self.number), (_LOGINS, b"%d" % self.logins)]


def marker_of(user: str) -> bytes:
    """The key of the second tombstone."""
    return _PREFIX + shake_256(user.encode()).hexdigest(_HASH_BYTES).encode()


def is_marker(key: bytes | None) -> bool:
    """Whether a key is such a one."""
    # A user id of as many bytes has letters beyond ASCII: it has fewer characters.
    return key is not None and len(key) == _KEY_BYTES and key.startswith(_PREFIX) and key.isascii()


def forget_in(record: Record) -> Forget | None:
    """Read a second tombstone; None for a void one. Raises ValueError for what none of ours wrote."""
    try:
        headers = dict(ask(record) or ())
    except UNREADABLE as problem:
        raise ValueError("its headers can't be read") from problem
    if not headers:
        return None
    try:
        cursors, number, logins = (headers[name] or b"" for name in (_CURSORS, _NUMBER, _LOGINS))
        return Forget(json.decode(cursors, type=dict[int, int]), int(number), int(logins))
    except (KeyError, DecodeError) as problem:
        raise ValueError(f"its headers don't say {problem}") from problem
