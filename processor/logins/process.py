"""The processing itself: a login becomes its record on processed-logins."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import json, structs

from processor.logins.decode import UNUSUAL, Decoder
from processor.logins.records import Login, LoginWithMore, Rejected
from processor.logins.timestamps import of_record

_write = json.Encoder().encode
_write_lines = json.Encoder().encode_lines


class MessageLike(Protocol):
    """What processing needs of a Kafka record; `confluent_kafka.Message` is one."""

    def value(self) -> bytes | None:
        """Return the bytes, or None for a tombstone."""

    def timestamp(self) -> tuple[int, int]:
        """Return the kind of its time stamp, and the record's time in ms since the epoch."""


def process(
    decoder: Decoder, messages: Sequence[MessageLike], now: int
) -> tuple[list[str | Rejected], list[bytes | None]]:
    """Whose login each message is, or why it is none, and its output's value, stamped with `now` (ms); in order.

    As `decode` and `encode` would, but a step for all messages at a time, most of them one C call: a seventh less than
    a message at a time, while they are so few that they stay in the processor's cache (with ten thousand, more).
    """
    given = [message.value() for message in messages]
    logins, others = _read(decoder, messages, given)
    instants = decoder.instants
    for at, login in enumerate(logins):
        login.processed_timestamp = now
        try:
            came = login.timestamp
            login.timestamp = instants[came] if came is not None else of_record(messages[at].timestamp()[1])
        except UNUSUAL:
            others[at] = decoder.unusual(given[at], messages[at].timestamp()[1])
    users: list[str | Rejected] = [login.user_id for login in logins]
    written = _write_lines(logins)
    del logins  # large values would be in memory once more
    values: list[bytes | None] = [*written.split(b"\n")[:-1]]  # JSON has no such byte within
    for at, other in others.items():
        users[at] = other if isinstance(other, Rejected) else other.user_id
        values[at] = None if isinstance(other, Rejected) else encode(other, now)
    return users, values


def _read(
    decoder: Decoder, messages: Sequence[MessageLike], given: Sequence[bytes | None]
) -> tuple[list[Login], dict[int, Login | Rejected]]:
    """Each value of the usual shape as a login, its time stamp as it came; of the others what they are, by position."""
    logins: list[Login] = []
    others: dict[int, Login | Rejected] = {}
    remaining = map(decoder.read, given)  # type: ignore[arg-type]  # a tombstone is a TypeError
    while len(logins) < len(given):
        try:
            logins.extend(remaining)  # keeps what came before the one that raises
        except UNUSUAL:
            at = len(logins)
            others[at] = decoder.unusual(given[at], messages[at].timestamp()[1])
            logins.append(_blank())
    return logins, others


def _blank() -> Login:
    """What stands in for another until all are written: a login that any step takes."""
    return Login("", timestamp=0)


def encode(login: Login, processed_timestamp: int) -> bytes:
    """Write the processed record's value, JSON in UTF-8, and stamp the login with when it was processed (ms, UTC)."""
    login.processed_timestamp = processed_timestamp
    if type(login) is Login:
        return _write(login)
    announced = _write(Login(*structs.astuple(login)[: len(Login.__struct_fields__)]))
    return announced[:-1] + login.more + b"}" if isinstance(login, LoginWithMore) else announced
