"""The worker's side of the counts: where its cursors stand, and adding logins while moving them."""

from collections.abc import Mapping, Sequence

from msgspec import Struct, msgpack

from processor.counts.answers import Offsets, answered, check_lineage, offsets, packed_users, verdict
from processor.counts.connection import Connection
from processor.counts.keys import Keys
from processor.settings import RedisSettings


class Move(Struct, frozen=True):
    """A partition's cursor, from where it is believed to stand to where it shall stand; None = it has none yet.

    An idle partition moves nowhere (start == end), and is checked all the same.
    """

    partition: int
    start: int | None
    end: int | None

    def __post_init__(self) -> None:
        """Refuse to go back: what lies between would be counted twice."""
        if self.start is not None and (self.end is None or self.end < self.start):
            raise ValueError(f"partition {self.partition} can't move from {self.start} to {self.end}")


class Applied(Struct, frozen=True):
    """The logins are counted and the cursors stand at the ends."""


class Conflict(Struct, frozen=True):
    """Nothing was changed: a cursor does not stand where it was believed to. These are the real ones.

    All at the ends: an earlier try, whose answer was lost, did it.
    """

    cursors: dict[int, int | None]


class CountStore:
    """The counts of all shards, for whoever has this lineage.

    Every call raises NotReady for a shard without lineage, LineageMismatch for one with another, Unavailable when
    nobody knows what happened: then the same call again is safe.
    """

    def __init__(self, connection: Connection, settings: RedisSettings, lineage: str) -> None:
        self._connection = connection
        self._lineage = lineage
        self._shards = [Keys(settings.prefix, shard) for shard in range(settings.shards)]

    def cursors(self) -> list[Offsets]:
        """Read the next offset to count of each partition that has been counted, one map a shard."""
        reads = [("HGETALL", keys.cursors) for keys in self._shards]
        found = self._connection.calls("reading the cursors", reads)
        for keys, fields in zip(self._shards, found, strict=True):
            check_lineage(fields.get(b"lineage"), keys, self._lineage)
        return [offsets(fields) for fields in found]

    def apply(self, shard: int, moves: Sequence[Move], users: Mapping[str, int]) -> Applied | Conflict:
        """Add these logins of a shard's users and move its cursors, all or nothing.

        Raises Refused when the shard has lost users.
        """
        keys = self._shards[shard]
        arguments = (self._lineage, msgpack.encode([_packed(move) for move in moves]), *packed_users(users))
        answer = self._connection.run("counting", "apply", (keys.counts, keys.cursors, keys.changed), arguments)
        if verdict(answer, keys, self._lineage) == "applied":
            return Applied()
        return Conflict(answered(answer[1]))


def _packed(move: Move) -> tuple[str, str, str]:
    return str(move.partition), _text(move.start), _text(move.end)


def _text(offset: int | None) -> str:
    return "" if offset is None else str(offset)
