"""How many logins each user has up to several positions of the log, from one reading of it."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence

from processor.logins.count import shard_of

Offsets = Mapping[int, int]
Column = tuple[Sequence[int], Sequence[str]]  # offsets, rising, and the user of each


def by_shard(column: Column, shards: int) -> list[Column]:
    """Divide valid logins by the shard that counts them."""
    if shards == 1:
        return [column]
    divided: list[tuple[list[int], list[str]]] = [([], []) for _ in range(shards)]
    for offset, user in zip(*column, strict=True):
        offsets, users = divided[shard_of(user, shards)]
        offsets.append(offset)
        users.append(user)
    return list(divided)


class Tally:
    """One shard's counts as the log has them.

    `base` holds the logins up to the lower of checkpoint and cursors; for the higher of them only what is between is
    kept beside it, so there is one dict of all users. All positions but `floor` were noted before the reading began.
    """

    def __init__(self, floor: Offsets, published: Offsets, counted: Offsets, base: Mapping[str, int]) -> None:
        self.base: Counter[str] = Counter()
        dict.update(self.base, base)  # as it is: Counter's own would add, one by one
        self.lower = {p: min(published.get(p, at), counted.get(p, at)) for p, at in floor.items()}
        self._floor = floor
        self._published = published
        self._counted = counted
        self._to_published: Counter[str] = Counter()
        self._to_counted: Counter[str] = Counter()

    def add(self, partition: int, column: Column) -> None:
        """Take valid logins of a partition, in their order."""
        offsets, users = column
        floor, lower = self._floor[partition], self.lower[partition]
        begin, middle = bisect_left(offsets, floor), bisect_left(offsets, lower)
        self.base.update(users[begin:middle])
        for position, beside in ((self._published, self._to_published), (self._counted, self._to_counted)):
            end = bisect_left(offsets, position.get(partition, floor))
            beside.update(users[middle:end])

    def published(self, user: str) -> int:
        """How many logins a user has up to the checkpoint."""
        return self.base.get(user, 0) + self._to_published.get(user, 0)

    def published_users(self) -> set[str]:
        """Everyone who has logins up to the checkpoint beyond those in `base`."""
        return self._to_published.keys() - self.base.keys()

    def counted(self) -> Counter[str]:
        """Give the counts up to the cursors, and keep nothing: `base` becomes them."""
        self.base.update(self._to_counted)
        return self.base
