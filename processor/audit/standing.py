"""One shard's counts moved along with its cursors: at each look into Redis they stand where its cursors stood."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from processor.audit.findings import Difference, Findings
from processor.audit.tally import Column

CHUNK = 1000  # users of one look: about half a millisecond of Redis's time


class Look(Struct, frozen=True):
    """What Redis answered at one instant: some users' counts, and the cursors that they stand for."""

    shard: int
    users: Sequence[str]
    counts: Sequence[int | str | None]  # text is no number
    cursors: Mapping[int, int]
    total: int  # how many users the shard has


class Standing:
    """The counts that the log asks for, at a position that only moves forward."""

    def __init__(self, counts: Counter[str], floor: Mapping[int, int], cursors: Mapping[int, int]) -> None:
        self.counts = counts
        self.position = {**floor, **cursors}
        self._floor = floor
        self._ahead: dict[int, tuple[list[int], list[str]]] = {}

    def passed(self, cursors: Mapping[int, int]) -> bool:
        """Whether these cursors stand before the position: Redis went back."""
        return any(cursors.get(p, self._floor.get(p, 0)) < at for p, at in self.position.items())

    def load(self, partition: int, column: Column) -> None:
        """Take the logins from the position on, as far as the coming looks need them."""
        offsets, users = self._ahead.setdefault(partition, ([], []))
        offsets.extend(column[0])
        users.extend(column[1])

    def advance(self, cursors: Mapping[int, int]) -> None:
        """Count on, up to these cursors."""
        for partition, cursor in cursors.items():
            offsets, users = self._ahead.get(partition, ([], []))
            begin = bisect_left(offsets, self.position.get(partition, 0))
            self.counts.update(users[begin : bisect_left(offsets, cursor)])
            self.position[partition] = cursor

    def unload(self) -> None:
        """Forget what was loaded: the next looks load what they need."""
        self._ahead = {}

    def compare(self, look: Look, findings: Findings) -> None:
        """Name the users of a look whose count is another; the position must be that of its cursors."""
        for user, found in zip(look.users, look.counts, strict=True):
            wanted = self.counts.get(user)
            if found != wanted:
                said = f"has {_said(found)} in Redis (shard {look.shard}), the input says {_said(wanted)}"
                findings.add(Difference("count-wrong", said, user=user))


def _said(count: int | str | None) -> str:
    return "no count" if count is None else f"the count {count}"
