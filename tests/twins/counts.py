"""The count store in memory: the same contract as on Redis, and the faults that a model needs."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from processor.counts.store import Applied, Conflict, Move
from processor.errors import LineageMismatch, NotReady, Refused, Unavailable


@dataclass
class Shard:
    """What Redis holds of one shard."""

    lineage: str | None = None
    cursors: dict[int, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    users: int = 0  # recorded beside the cursors: a lost `counts` is noticed


class MemoryRedis:
    """All shards; several stores may share one, as workers and their zombies do."""

    def __init__(self, shards: int = 1) -> None:
        self.shards = [Shard() for _ in range(shards)]
        self.reachable = True
        self.mute = False  # does what it is asked, and the answer is lost

    def load(self, shard: int, lineage: str, users: Mapping[str, int], cursors: Mapping[int, int]) -> None:
        """Make a shard ready, as a restore does."""
        self.shards[shard] = Shard(lineage, dict(cursors), dict(users), len(users))

    def save(self) -> list[Shard]:
        """Keep all as it is now."""
        return deepcopy(self.shards)

    def go_back(self, saved: Sequence[Shard]) -> None:
        """Be as old as what was saved."""
        self.shards = deepcopy(list(saved))

    def empty(self) -> None:
        """Lose everything."""
        self.shards = [Shard() for _ in self.shards]


class MemoryCountStore:
    """A CountStore on a MemoryRedis."""

    def __init__(self, redis: MemoryRedis, lineage: str) -> None:
        self._redis = redis
        self._lineage = lineage

    def cursors(self) -> list[dict[int, int]]:
        self._reach()
        found = [dict(self._ready(shard).cursors) for shard in range(len(self._redis.shards))]
        self._answer()
        return found

    def apply(self, shard: int, moves: Sequence[Move], users: Mapping[str, int]) -> Applied | Conflict:
        self._reach()
        at = self._ready(shard)
        if len(at.counts) != at.users:
            raise Refused(f"shard {shard} lost users")
        answer = _applied(at, moves, users)
        self._answer()
        return answer

    def _reach(self) -> None:
        if not self._redis.reachable:
            raise Unavailable("the twin is down")

    def _answer(self) -> None:
        if self._redis.mute:
            raise Unavailable("the twin's answer was lost")

    def _ready(self, shard: int) -> Shard:
        at = self._redis.shards[shard]
        if at.lineage is None:
            raise NotReady(f"shard {shard} has no lineage")
        if at.lineage != self._lineage:
            raise LineageMismatch(f"shard {shard} is of {at.lineage}, not of {self._lineage}")
        return at


def _applied(at: Shard, moves: Sequence[Move], users: Mapping[str, int]) -> Applied | Conflict:
    cursors = {move.partition: at.cursors.get(move.partition) for move in moves}
    if any(cursors[move.partition] != move.start for move in moves):
        return Conflict(cursors)
    for user, logins in users.items():
        at.counts[user] = at.counts.get(user, 0) + logins
    at.cursors |= {move.partition: move.end for move in moves if move.end is not None}
    at.users = len(at.counts)
    return Applied()
