"""Logins that carry the moment at which they were sent, in nanoseconds, as their device id, and its way back out."""

from collections.abc import Sequence

from msgspec import Struct

from processor.logins.generated import Keyed, Recipe, records

_BEFORE = b'"device_id": "'

Template = tuple[bytes | None, bytes, bytes]
"""A login's key, and its value before and after the stamp."""


class Mark(Struct, frozen=True):
    """A number in a processed record: it follows these bytes and has so many digits."""

    before: bytes
    digits: int

    def of(self, value: bytes) -> int:
        """Read it; raises ValueError where it is not."""
        start = value.index(self.before) + len(self.before)
        return int(value[start : start + self.digits])


SENT = Mark(b'"device_id":"', 19)  # nanoseconds since the epoch
PROCESSED = Mark(b'"processed_timestamp":', 13)  # milliseconds since the epoch


def templates(recipe: Recipe, amount: int) -> list[Template]:
    """Make logins up, each with a gap for its stamp; they are sent again and again."""
    found: list[Template] = []
    for block in records(recipe):
        found.extend(map(_template, block))
        if len(found) >= amount:
            return found[:amount]
    raise AssertionError("the generator never ends")


def _template(login: Keyed) -> Template:
    key, value = login
    before, found, rest = (value or b"").partition(_BEFORE)
    return key, before + found, rest[rest.index(b'"') :]


def stamped(chosen: Sequence[Template], moment: int) -> list[dict[str, bytes | None]]:
    """Make messages of them that say when they were sent."""
    stamp = b"%d" % moment
    return [{"key": key, "value": before + stamp + after} for key, before, after in chosen]
