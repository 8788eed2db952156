"""Which dead letters are meant."""

import re
from collections.abc import Iterable

from msgspec import Struct

from processor.errors import ConfigurationError, Refused
from processor.kafka.letters import Id, Letter

Bounds = dict[int, tuple[int, int]]

_ID = re.compile(r"(\d{1,9}):(\d{1,18})")


class Choice(Struct, frozen=True):
    """All letters that everything which is given agrees with; nothing given means all."""

    ids: frozenset[Id] = frozenset()
    reasons: frozenset[str] = frozenset()
    partitions: frozenset[int] = frozenset()  # of the input
    since: int | None = None  # ms, UTC; when it became a dead letter
    until: int | None = None  # not this moment itself

    def takes(self, letter: Letter) -> bool:
        """Whether a letter is meant."""
        return (
            (not self.ids or letter.id in self.ids)
            and (not self.reasons or letter.reason in self.reasons)
            and (not self.partitions or letter.origin[0] in self.partitions)
            and (self.since is None or letter.time >= self.since)
            and (self.until is None or letter.time < self.until)
        )

    def within(self, bounds: Bounds) -> Bounds:
        """The part of the topic that has to be read for it."""
        if not self.ids:
            return bounds
        found: Bounds = {}
        for partition, offset in self.ids:
            low, high = found.get(partition, (offset, offset + 1))
            found[partition] = (min(low, offset), max(high, offset + 1))
        return found


def parse_id(text: str) -> Id:
    """Read an id as `list` shows it; raises ConfigurationError."""
    found = _ID.fullmatch(text.strip())
    if not found:
        raise ConfigurationError(f"{text!r} is no letter's id: write partition:offset as `list` shows it, such as 2:15")
    return Id(int(found[1]), int(found[2]))


def refuse_if_gone(ids: Iterable[Id], bounds: Bounds) -> None:
    """Raise Refused for an id that can't be there: before the log's beginning, or beyond its end."""
    for each in sorted(ids):
        if each.partition not in bounds:
            raise Refused(f"there is no dead letter {each}: the topic has the partitions 0 to {len(bounds) - 1}")
        low, high = bounds[each.partition]
        if each.offset < low:
            raise Refused(
                f"the dead letter {each} is not there any more: purged, or deleted by retention; partition "
                f"{each.partition} begins at offset {low}"
            )
        if each.offset >= high:
            raise Refused(f"there is no dead letter {each}: partition {each.partition} ends at offset {high}")


def refuse_if_missing(ids: Iterable[Id], seen: Iterable[Id]) -> None:
    """Raise Refused for ids at which something else lies."""
    missing = sorted(set(ids) - set(seen))
    if missing:
        raise Refused(
            f"there is no dead letter {missing[0]}: what lies there is a marker of a tool, or of a transaction"
        )
