"""What goes back to the input for a letter, or why it stays; pure."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from processor.kafka.dead_letters import PREFIX
from processor.kafka.letters import REDRIVEN_FROM, Letter
from processor.kafka.returning import Returned
from processor.letters.times import timestamp_to_send
from processor.logins.batch import Part
from processor.logins.decode import Decoder
from processor.logins.headers import Headers
from processor.logins.judge import OVERHEAD_BYTES, Judge, record_bytes
from processor.logins.records import Rejected
from processor.settings import Settings


class Stays(Struct, frozen=True):
    """Why a letter is left alone."""

    why: str  # the same for all letters of the same fate
    more: str = ""  # what is particular to this one


class Content(Struct, frozen=True):
    """What came, complete: read from the input where the letter had to go without something."""

    key: bytes | None
    value: bytes | None
    headers: Headers


Change = Callable[[Letter, bytes | None], bytes | Stays | None]
"""Makes the new value of a letter, given the old one; or says why the letter stays."""


def unchanged(_letter: Letter, value: bytes | None) -> bytes | None:
    """Send what came."""
    return value


class Returns:
    """Decides as the workers will: what they would refuse again stays, unless `force`."""

    def __init__(self, settings: Settings, partitions: int, kept: int, *, force: bool) -> None:
        self._partitions = partitions  # of the input
        self._kept = kept  # how long the input keeps records, ms
        self._limit = settings.topics.max_message_bytes
        self._force = force
        decoder = Decoder(settings.worker.unknown_fields)
        self._judge = Judge(decoder, settings.output_max_bytes - OVERHEAD_BYTES, lambda: 0)

    def decide(self, letter: Letter, content: Content, value: bytes | None, now: int) -> Returned | Stays:
        """Make the record: the letter's key, partition, time and own headers, and the new value."""
        partition, _, timestamp = letter.origin
        made = Returned(
            id=letter.id,
            origin=letter.origin,
            partition=partition if partition < self._partitions else -1,
            key=content.key,
            value=value,
            headers=headers_of(letter, content.headers),
            timestamp=timestamp_to_send(timestamp, now, self._kept),
        )
        size = record_bytes(made.key, made.value, made.headers)
        if size > self._limit:
            return Stays("too large for the input", f"{size:,} bytes, topics.max_message_bytes is {self._limit:,}")
        return made if self._force else self._accepted(made, now)

    def _accepted(self, made: Returned, now: int) -> Returned | Stays:
        (outcome,) = self._judge.judge(Part(0, [_Arriving(made, now)], 1)).users
        if isinstance(outcome, Rejected):
            return Stays(f"would be a dead letter again: {outcome.reason}", outcome.message)
        return made


def headers_of(letter: Letter, carried: Headers) -> Headers:
    """The record's own headers without any of ours, of this failure or a former one; and from which letter it comes."""
    own = [(name, held) for name, held in carried if not name.startswith(PREFIX)]
    return [*own, (REDRIVEN_FROM, str(letter.id).encode())]


class _Arriving:
    """A record as a worker will meet it."""

    def __init__(self, made: Returned, now: int) -> None:
        self._made = made
        self._now = now

    def partition(self) -> int:
        return self._made.partition

    def offset(self) -> int:
        return 0

    def key(self) -> bytes | None:
        return self._made.key

    def value(self) -> bytes | None:
        return self._made.value

    def headers(self) -> Any:
        return self._made.headers

    def timestamp(self) -> tuple[int, int]:
        return (1, self._made.timestamp or self._now)
