"""A dead letter as the tools see it, read back from its record."""

from typing import Any, NamedTuple

from msgspec import Struct

from processor.kafka.dead_letters import PREFIX, REASON
from processor.kafka.markers import Marker, Origin, is_marker, marker
from processor.logins.batch import Record
from processor.logins.headers import UNREADABLE, Headers, ask

REDRIVEN_FROM = f"{PREFIX}redriven-from"
"""The header of a redriven record: the id of the letter that it was."""


class Id(NamedTuple):
    """Where a letter lies in its topic; shown, and asked for, as `2:15`."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


class LeftOut(Struct, frozen=True):
    """What a letter had to go without, for its size or an address in it; None is nothing."""

    value: int | None = None  # bytes
    headers: int | None = None  # how many
    key: int | None = None  # bytes

    def __bool__(self) -> bool:
        return (self.value, self.headers, self.key) != (None, None, None)


class Letter(Struct, frozen=True):
    """A dead letter: what came, why it was refused, and where it came from."""

    id: Id
    time: int  # when it became a dead letter; ms, UTC
    reason: str
    message: str
    origin: Origin
    key: bytes | None
    value: bytes | None
    headers: Headers  # those that the record had
    left_out: LeftOut

    @property
    def size(self) -> int:
        """Bytes of the value, left out or not."""
        return len(self.value or b"") if self.left_out.value is None else self.left_out.value

    @property
    def redriven_from(self) -> str | None:
        """Of which letter its record was the redriven one; None for a record that came for the first time."""
        named = [held for name, held in self.headers if name == REDRIVEN_FROM]
        return _text(named[-1]) if named else None


def letter(record: Record, topic: str) -> Letter | Marker | None:
    """Read a record of the dead letters' topic; None when it is no letter of this input topic and no marker."""
    try:
        headers: Headers = ask(record) or []
    except UNREADABLE:
        return None
    if is_marker(headers):
        return marker(record.value())
    begin = max((at for at, (name, _) in enumerate(headers) if name == REASON), default=len(headers))
    facts = {name.removeprefix(PREFIX): held for name, held in headers[begin:]}
    try:
        if _text(facts["topic"]) != topic:
            return None
        return _letter(record, facts, headers[:begin])
    except (KeyError, ValueError):
        return None


def _letter(record: Record, facts: dict[str, Any], carried: Headers) -> Letter:
    partition, offset, timestamp = (int(facts[name] or b"") for name in ("partition", "offset", "timestamp"))
    missing = (facts.get(name) for name in ("value-length", "headers-left-out", "key-length"))
    return Letter(
        id=Id(record.partition() or 0, record.offset() or 0),
        time=record.timestamp()[1],
        reason=_text(facts["reason"]),
        message=_text(facts.get("message")),
        origin=(partition, offset, timestamp),
        key=record.key(),
        value=record.value(),
        headers=carried,
        left_out=LeftOut(*(None if length is None else int(length) for length in missing)),
    )


def _text(content: bytes | None) -> str:
    return (content or b"").decode(errors="backslashreplace")
