"""What an audit finds: differences by kind, what can't be known, and the verdict made of both."""

from collections import Counter
from enum import Enum
from typing import Literal

from msgspec import Struct

SHOWN = 20  # differences of a kind that are named one by one; all of them are counted

Kind = Literal[
    "output-lost",
    "output-extra",
    "output-repeated",
    "output-altered",
    "output-out-of-order",
    "output-misplaced",
    "dead-letter-lost",
    "dead-letter-extra",
    "dead-letter-repeated",
    "dead-letter-altered",
    "count-wrong",
    "published-wrong",
    "published-lowered",
    "published-malformed",
    "checkpoint-wrong",
    "position-impossible",
]


class Difference(Struct, frozen=True):
    """One thing that is not as the input says, with its partition and offset in `topic`, a name in the settings."""

    kind: Kind
    message: str
    topic: Literal["input", "processed", "dead_letters", "aggregations"] | None = None
    partition: int | None = None
    offset: int | None = None
    user: str | None = None


class Verdict(Enum):
    """What an audit may end with."""

    CLEAN = "clean"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


class Findings:
    """Collects; keeps the first few of each kind, however many there are."""

    def __init__(self) -> None:
        self.totals: Counter[Kind] = Counter()
        self.shown: list[Difference] = []
        self.unknown: list[str] = []  # why something can't be known, a sentence each
        self.doubts: list[
            str
        ] = []  # why differences, if there are any, may be none: the log moved on while it was read
        self.notes: list[str] = []  # what is worth saying and no difference

    @property
    def reasons(self) -> list[str]:
        """Why there is no certainty, each once; a doubt counts only where there is a difference to be doubted."""
        return list(dict.fromkeys([*self.unknown, *(self.doubts if self.totals else ())]))

    def doubt_all(self, reason: str) -> None:
        """Say what can't be known and makes every difference doubtful, too."""
        self.unknown.append(reason)
        self.doubts.append(reason)

    def add(self, difference: Difference) -> None:
        """Take one more."""
        self.totals[difference.kind] += 1
        if self.totals[difference.kind] <= SHOWN:
            self.shown.append(difference)

    @property
    def verdict(self) -> Verdict:
        """A difference that nothing else can explain outweighs what can't be known."""
        if self.totals and not self.doubts:
            return Verdict.DIFFERENT
        return Verdict.UNKNOWN if self.totals or self.unknown else Verdict.CLEAN
