"""What waits to be counted: sums by shard, and for each partition the cursors that they lead from and to."""

from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from processor.logins.batch import Batch
from processor.logins.count import shard_of, tally

Cursors = dict[int, int | None]  # partition → next offset to count; None: none yet


class Change(Struct, frozen=True):
    """One shard's counts and the cursor moves that belong to them, all or nothing."""

    shard: int
    starts: Cursors
    ends: Cursors
    users: Mapping[str, int]


class Pile:
    """Counts of committed batches, piling up while an apply is in flight: the busier, the fewer calls a login.

    A cursor's start is the former end, never the first record's offset: markers and compaction leave gaps.
    """

    def __init__(self, cursors: Sequence[Mapping[int, int | None]]) -> None:
        self._starts: list[Cursors] = [dict(each) for each in cursors]
        self._ends: list[Cursors] = [dict(each) for each in cursors]
        self._sums: list[Counter[str]] = [Counter() for _ in cursors]

    @property
    def users(self) -> int:
        """How many distinct users wait."""
        return sum(map(len, self._sums))

    @property
    def characters(self) -> int:
        """How much the waiting users' names take."""
        return sum(sum(map(len, sums)) for sums in self._sums)

    @property
    def empty(self) -> bool:
        """Whether no cursor has anywhere to move."""
        return self._starts == self._ends

    def add(self, batch: Batch) -> int:
        """Pile up a batch; each shard takes only what lies at or after its own cursor of that partition.

        Returns how many of its records no shard took.
        """
        partition, end = batch.part.partition, batch.part.end
        cursors = [ends[partition] or 0 for ends in self._ends]
        if len(set(cursors)) == 1:
            self._add_all(batch.since(cursors[0]) if cursors[0] < end else None)
        else:
            self._add_each(batch, cursors)
        for ends, cursor in zip(self._ends, cursors, strict=True):
            ends[partition] = max(cursor, end)
        return batch.below(min(cursors, default=0))

    def _add_all(self, batch: Batch | None) -> None:
        if batch is None:
            return
        users = batch.user_ids()
        if len(self._sums) == 1:
            self._sums[0].update(users)  # one pass in C; adding up sums is a loop in Python, at twice the cost
            return
        for sums, more in zip(self._sums, tally(users, len(self._sums)), strict=True):
            _merge(sums, more)

    def _add_each(self, batch: Batch, cursors: Sequence[int]) -> None:
        """Count for each shard by itself: they stand at different offsets after one of them alone went back."""
        shards = len(self._sums)
        for shard, cursor in enumerate(cursors):
            if cursor < batch.part.end:
                users = [u for u in batch.since(cursor).user_ids() if shard_of(u, shards) == shard]
                self._sums[shard].update(users)

    def take(self) -> list[Change]:
        """All that waits, a change a shard, idle partitions and idle shards too; the pile goes on from its ends."""
        changes = [
            Change(shard, self._starts[shard], dict(self._ends[shard]), sums) for shard, sums in enumerate(self._sums)
        ]
        self._starts = [dict(ends) for ends in self._ends]
        self._sums = [Counter() for _ in self._sums]
        return changes


def _merge(sums: Counter[str], more: Counter[str]) -> None:
    if sums:
        sums.update(more)
    else:  # the first batch after an apply: nothing to add to
        dict.update(sums, more)
