"""The processing itself: a login becomes its record on processed-logins."""

from collections.abc import Iterable
from typing import Protocol

from msgspec import json, structs

from processor.logins.decode import UNUSUAL, Decoder
from processor.logins.records import Login, LoginWithMore, Rejected
from processor.logins.timestamps import of_record

_write = json.Encoder().encode


class MessageLike(Protocol):
    """What processing needs of a Kafka record; `confluent_kafka.Message` is one."""

    def value(self) -> bytes | None:
        """Return the bytes, or None for a tombstone."""

    def timestamp(self) -> tuple[int, int]:
        """Return the kind of its time stamp, and the record's time in ms since the epoch."""


def process(
    decoder: Decoder, messages: Iterable[MessageLike], now: int
) -> tuple[list[str | Rejected], list[bytes | None]]:
    """Whose login each message is, or why it is none, and its output's value, stamped with `now` (ms); in order.

    A message at a time, as `decode` and `encode` would: what it needs stays in the processor's cache, and a batch
    never holds all its logins. One pass for each step costs 0.5 microseconds a login more.
    """
    read, instants, unusual = decoder.read, decoder.instants, decoder.unusual
    users: list[str | Rejected] = []
    values: list[bytes | None] = []
    for message in messages:
        value = message.value()
        try:
            login = read(value)  # type: ignore[arg-type]  # a tombstone is a TypeError
            given = login.timestamp
            login.timestamp = instants[given] if given is not None else of_record(message.timestamp()[1])
            login.processed_timestamp = now
            values.append(_write(login))
            users.append(login.user_id)
        except UNUSUAL:
            other = unusual(value, message.timestamp()[1])
            values.append(None if isinstance(other, Rejected) else encode(other, now))
            users.append(other if isinstance(other, Rejected) else other.user_id)
    return users, values


def encode(login: Login, processed_timestamp: int) -> bytes:
    """Write the processed record's value, JSON in UTF-8, and stamp the login with when it was processed (ms, UTC)."""
    login.processed_timestamp = processed_timestamp
    if type(login) is Login:
        return _write(login)
    announced = _write(Login(*structs.astuple(login)[: len(Login.__struct_fields__)]))
    return announced[:-1] + login.more + b"}" if isinstance(login, LoginWithMore) else announced
