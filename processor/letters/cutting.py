"""What a purge takes along: Kafka deletes a partition from its beginning only, so letters go in their order. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from processor.errors import Refused
from processor.kafka.letters import Id, Letter
from processor.kafka.markers import FromPartition, Purge

STRANGERS = "(no dead letters)"  # what somebody else wrote into the topic


class Cutoff(Struct, frozen=True):
    """How far a purge goes: to a time, through certain letters, or over everything."""

    before: int | None = None  # ms, UTC; a letter that died then or later stays, and so do all behind it
    through: Mapping[int, int] | None = None  # partition → the offset of the last letter that goes

    def takes(self, at: Id, time: int) -> bool:
        """Whether what lies there may go."""
        return (self.before is None or time < self.before) and (
            self.through is None or at.offset <= self.through.get(at.partition, -1)
        )


def through(ids: Iterable[Id]) -> dict[int, int]:
    """The last letter that goes, by partition."""
    last: dict[int, int] = {}
    for each in ids:
        last[each.partition] = max(each.offset, last.get(each.partition, -1))
    return last


class Cut(Struct):
    """What goes of one partition; fed with what lies in it, in order."""

    start: int  # the log's first offset
    before: int  # the first offset that stays
    ended: bool = False  # something stays, and so does all that follows
    letters: int = 0
    redriven: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    origins: dict[int, FromPartition] = {}

    def take(self, letter: Letter, *, redriven: bool) -> None:
        """A letter goes."""
        self._pass(letter.id.offset, letter.reason)
        self.letters += 1
        self.redriven += redriven
        partition, offset, _ = letter.origin
        known = self.origins.get(partition, FromPartition(0, -1))
        self.origins[partition] = FromPartition(known.letters + 1, max(offset, known.last))

    def take_stranger(self, offset: int) -> None:
        """Something goes that is no letter."""
        self._pass(offset, STRANGERS)

    def _pass(self, offset: int, reason: str) -> None:
        self.before = offset + 1
        self.reasons[reason] += 1

    def purge(self, when: str, by: str) -> Purge:
        """What is written down about it."""
        return Purge(
            when, by, self.start, self.before, self.letters, self.redriven, dict(self.reasons), dict(self.origins)
        )


def together(cuts: Iterable[Cut]) -> Counter[str]:
    """How many go of each reason."""
    return sum((cut.reasons for cut in cuts), Counter[str]())


def refuse_if_others_go(going: Counter[str], wanted: frozenset[str]) -> None:
    """Raise Refused when letters of other reasons than the wanted ones would go with them."""
    others = Counter({reason: number for reason, number in going.items() if wanted and reason not in wanted})
    if others:
        named = ", ".join(f"{number:,} {reason}" for reason, number in others.most_common())
        raise Refused(
            f"with them would go {named}: Kafka deletes a partition from its beginning only. Purge less (--before, "
            "--through), or leave --reason out"
        )
