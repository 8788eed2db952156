"""The verdict: what was found wrong, by kind, and what was compared."""

import json
from collections import Counter
from typing import Any

EXAMPLES = 20  # of each kind

KINDS = {
    "lost": "I1: a login that has no record on processed-logins",
    "duplicated": "I1: a login that has more than one",
    "foreign": "I1: a record on processed-logins of which there is no login",
    "altered": "I1: a processed record whose key, fields or headers are not what the login makes them",
    "misplaced": "I1: a processed record that is in another partition than its login, though both topics have as many",
    "reader-differs": "I1: what a reader saw during the faults is not what a reader sees after them",
    "swapped": "I2: two records of one input partition that are in the other order on processed-logins",
    "wrong-count": "I3: a user's count in Redis that is not the number of their logins",
    "wrong-shard": "I3: a user counted in another shard than their own",
    "cursor-ahead": "I4: a cursor beyond the committed offset or the end of the log",
    "cursor-behind": "I4: a cursor that has not reached the end of the log, at rest",
    "committed-ahead": "I4: a committed offset beyond the end of the log",
    "committed-behind": "I4: a committed offset that has not reached the end of the log, at rest",
    "letter-missing": "I5: a record that is no login and has no dead letter",
    "letter-repeated": "I5: a record that has more than one dead letter",
    "letter-altered": "I5: a dead letter whose bytes, headers or reason are not what they must be",
    "letter-foreign": "I5: a dead letter that belongs to no record that is no login",
    "wrong-aggregation": "I6: a user's latest published count that is not the number of their logins",
    "went-down": "I6: a published count that is less than the one before it",
    "checkpoint-behind": "I6: a checkpoint that has not reached the end of the log, at rest",
    "checkpoint-ahead": "I6: a checkpoint beyond the cursor that it was taken from",
    "open-transaction": "I7: a partition whose last records no read_committed reader may see",
    "unjudgeable": "the input itself does not say what must be there",
}


class Verdict:
    """What was compared, and every difference: counted, and the first ones of each kind told."""

    def __init__(self) -> None:
        self.totals: dict[str, int | float] = {}
        self.found: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}

    def add(self, kind: str, said: str, times: int = 1) -> None:
        """Take a difference of one of the KINDS."""
        assert kind in KINDS, kind
        self.found[kind] += times
        examples = self.examples.setdefault(kind, [])
        if len(examples) < EXAMPLES:
            examples.append(said)

    @property
    def exact(self) -> bool:
        """Whether nothing at all was found."""
        return not self.found

    @property
    def logins(self) -> int:
        """Valid inputs."""
        return int(self.totals.get("logins", 0))

    @property
    def malformed(self) -> int:
        """Inputs that are no logins."""
        return int(self.totals.get("malformed", 0))

    @property
    def open_transactions(self) -> int:
        """Partitions in which a transaction stays open."""
        return self.found["open-transaction"]

    def to_json(self) -> dict[str, Any]:
        """Everything, for a report."""
        return {
            "exact": self.exact,
            "totals": self.totals,
            "found": {
                kind: {"count": count, "meaning": KINDS[kind], "examples": self.examples[kind]}
                for kind, count in self.found.items()
            },
        }

    def __str__(self) -> str:
        """Say it in a few lines."""
        told = ", ".join(f"{value:,} {name}" for name, value in self.totals.items())
        lines = [f"{count:,} of {kind} ({KINDS[kind]})" for kind, count in self.found.items()]
        examples = [f"  {kind}: {said}" for kind, each in self.examples.items() for said in each[:5]]
        return "\n".join([f"{'EXACT' if self.exact else 'NOT EXACT'}: {told}", *lines, *examples])

    def __repr__(self) -> str:
        """So that a failed assertion says it all."""
        return f"<{json.dumps(self.to_json(), ensure_ascii=False)}>"
