"""The counts for people and tools: a user's, the top, all of them, and how the shards are."""

from collections.abc import Iterable, Iterator
from heapq import nsmallest
from itertools import chain, islice

from msgspec import Struct

from processor.counts.answers import BATCH, Offsets, counted, offsets
from processor.counts.connection import Connection
from processor.counts.keys import Keys
from processor.logins.count import shard_of
from processor.settings import RedisSettings


class ShardState(Struct, frozen=True):
    """One shard for `status`: `lineage` is None while it waits to be restored."""

    shard: int
    lineage: str | None
    users: int
    changed: int  # users since the last snapshot
    cursors: Offsets
    publishing: int | None  # users in the snapshot on its way to Kafka; None = there is no snapshot
    restoring: int | None  # users loaded so far; None = no restore has begun


class Reading:
    """Reads the counts of all shards, whatever their lineage; raises Unavailable, and Refused where others wrote."""

    def __init__(self, connection: Connection, settings: RedisSettings) -> None:
        self._connection = connection
        self._shards = [Keys(settings.prefix, shard) for shard in range(settings.shards)]

    def count(self, user_ids: Iterable[str]) -> list[int | None]:
        """Return the logins of each user, None where there is none."""
        reads = [("HGET", self._shards[shard_of(user, len(self._shards))].counts, user) for user in user_ids]
        found: list[bytes | None] = self._connection.calls("reading counts", reads) if reads else []
        return [None if logins is None else int(logins) for logins in found]

    def top(self, number: int) -> list[tuple[str, int]]:
        """Find the users with the most logins, most first, equal ones by name."""
        everyone = chain.from_iterable(self._everyone())
        return nsmallest(number, everyone, key=lambda user: (-user[1], user[0]))

    def totals(self) -> tuple[int, int]:
        """Sum up the users and their logins: while workers count, of no single moment."""
        users = logins = 0
        for batch in self._everyone():
            users += len(batch)
            logins += sum(count for _, count in batch)
        return users, logins

    def counts(self, shard: int) -> Iterator[list[tuple[str, int]]]:
        """Walk all users of a shard with their counts, in batches; a lost connection ends it with Unavailable.

        While workers count, a user may come twice, and each count is of its own moment.
        """
        key, position = self._shards[shard].counts, 0
        with self._connection.alone("reading all counts", key) as connection:
            while True:
                position, found = connection.call("reading all counts", "HSCAN", key, position, "COUNT", BATCH)
                if found:
                    yield counted(found)
                if position == 0:
                    return

    def shard_states(self) -> list[ShardState]:
        """Tell how each shard is."""
        asked = [question for keys in self._shards for question in _questions(keys)]
        answers = iter(self._connection.calls("reading the shards' states", asked))
        return [_state(keys.shard, next(answers), *islice(answers, 5)) for keys in self._shards]

    def _everyone(self) -> Iterator[list[tuple[str, int]]]:
        return chain.from_iterable(self.counts(keys.shard) for keys in self._shards)


def _questions(keys: Keys) -> list[tuple[str, ...]]:
    hashes = (keys.counts, keys.changed, keys.publishing, keys.restoring)
    return [("HGETALL", keys.cursors), ("EXISTS", keys.publishing_cursors), *(("HLEN", name) for name in hashes)]


def _state(shard: int, fields: dict[bytes, bytes], snapshot: int, *lengths: int) -> ShardState:
    users, changed, publishing, restoring = lengths
    lineage = fields.get(b"lineage")
    return ShardState(
        shard=shard,
        lineage=None if lineage is None else str(lineage, "utf-8", "replace"),
        users=users,
        changed=changed,
        cursors=offsets(fields),
        publishing=publishing if snapshot else None,
        restoring=restoring - 1 if restoring else None,  # one field is its progress
    )
