"""The dead letter of a record: what came, with headers that say why and where it came from.

Byte for byte, unless addresses are not kept (`privacy.ip`): then a JSON object's `ip` is replaced, and what is no JSON
object goes without its value, since an address may be anywhere in it.

The facts are those of KIP-1034 (Kafka Streams' dead letter queue).
"""

from msgspec import Struct

from processor.logins.batch import Record
from processor.logins.headers import Headers, ask
from processor.logins.judge import BAD_HEADERS, record_bytes
from processor.logins.privacy import Redaction
from processor.logins.records import Rejected

PREFIX = "dead-letter."
REASON = f"{PREFIX}reason"  # the first of the facts, which follow the headers that the record had


class DeadLetter(Struct, frozen=True):
    """What is produced; after a loss for its size, headers tell the length of what is missing."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def dead_letter(
    topic: str, record: Record, why: Rejected, limit: int, redaction: Redaction | None = None
) -> DeadLetter:
    """Make the dead letter of a record, at most `limit` bytes large: the value is left out first, then headers, key.

    Whatever is left out stays in the input topic, at the offset that the headers name.
    """
    facts = _facts(topic, record, why)
    key, value, carried = record.key(), record.value(), _carried(record, why)
    if redaction is not None and (redacted := redaction.letter(value)) != value:
        facts.append((f"{PREFIX}ip", b"left out with the value" if redacted is None else b"replaced"))
        value = redacted
    if (value is None) != (record.value() is None) or record_bytes(key, value, [*carried, *facts]) > limit:
        facts.append((f"{PREFIX}value-length", _number(len(record.value() or b""))))
        value = None
    if record_bytes(key, value, [*carried, *facts]) > limit:
        facts.append((f"{PREFIX}headers-left-out", _number(len(carried))))
        carried = []
    if record_bytes(key, value, [*carried, *facts]) > limit:
        facts.append((f"{PREFIX}key-length", _number(len(key or b""))))
        key = None
    return DeadLetter(key, value, [*carried, *facts])


def _facts(topic: str, record: Record, why: Rejected) -> Headers:
    return [
        (REASON, why.reason.encode()),
        (f"{PREFIX}message", why.message.encode()),
        (f"{PREFIX}topic", topic.encode()),
        (f"{PREFIX}partition", _number(record.partition() or 0)),
        (f"{PREFIX}offset", _number(record.offset() or 0)),
        (f"{PREFIX}timestamp", _number(record.timestamp()[1])),
    ]


def _carried(record: Record, why: Rejected) -> Headers:
    """Its own headers; none where they can't be read: the reason says so, and they stay in the input topic."""
    return [] if why is BAD_HEADERS else list(ask(record) or [])


def _number(value: int) -> bytes:
    return str(value).encode()
