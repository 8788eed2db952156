"""The flusher's side of the counts: freezing what changed, walking it, and what to do with it after."""

from collections.abc import Iterator, Mapping
from time import time
from typing import Any

from msgspec import Struct, msgpack

from processor.counts.answers import (
    BATCH,
    Offsets,
    answered,
    batches,
    counted,
    forgets_in,
    lost,
    mapping,
    offsets,
    packed_offsets,
    verdict,
)
from processor.counts.connection import Connection
from processor.counts.keys import Keys
from processor.errors import NotReady, Unavailable
from processor.logins.snapshots import Fate, fate
from processor.settings import RedisSettings


class Snapshot(Struct, frozen=True):
    """A frozen set of users that changed, and the cursors that their counts stand for."""

    shard: int
    id: str
    cursors: Offsets
    users: int
    fate: Fate = Fate.PUBLISH
    resumed: bool = False  # an earlier flusher took it
    forgets: int = 0  # the number of the last forget in it


class Behind(Struct, frozen=True):
    """Redis went back, and these cursors have yet to reach the checkpoint again; None = no cursor at all."""

    cursors: dict[int, int | None]


class Snapshots:
    """The snapshots of all shards; at most one a shard exists at a time.

    Every call raises NotReady, LineageMismatch or Unavailable, as the store's do.
    """

    def __init__(self, connection: Connection, settings: RedisSettings, lineage: str) -> None:
        self._connection = connection
        self._lineage = lineage
        self._shards = [Keys(settings.prefix, shard) for shard in range(settings.shards)]

    def take(
        self, shard: int, checkpoint: Mapping[int, int], snapshot_id: str, forgets: int = 0
    ) -> Snapshot | Behind | None:
        """Freeze what changed since the last one; None when nothing did and the cursors stand at the checkpoint.

        Who shall be forgotten leaves the counts in the same step, so no crash comes between. `forgets` belongs to the
        checkpoint. A shard that has not heard of it came back older: it is emptied, and NotReady raised.

        One that is already there comes back instead, resumed: its fate says what to do with it first.
        Raises Refused when the shard, or that snapshot, has lost users.
        """
        keys = self._shards[shard]
        arguments = (
            self._lineage,
            snapshot_id,
            packed_offsets(checkpoint),
            forgets,
            max(forgets + 1, int(time() * 1000)),
        )
        answer = self._connection.run("taking a snapshot", "take", keys.all(), arguments)
        match verdict(answer, keys, self._lineage):
            case "unchanged":
                return None
            case "unforgotten":
                raise NotReady(f"Redis: shard {shard} came back older than a forget, and was emptied to be restored")
            case "behind":
                return Behind(answered(answer[1]))
            case "taken":
                return _snapshot(shard, mapping(answer[1]))
        return self._left(shard, _whole(keys, answer), checkpoint, forgets)

    def _left(self, shard: int, left: dict[bytes, bytes], checkpoint: Mapping[int, int], forgets: int) -> Snapshot:
        """The snapshot that is there already, judged by what is published."""
        unpublished = forgets_in(left) > forgets
        judged = fate(offsets(left), checkpoint, unpublished)
        if judged is Fate.THAW and unpublished:
            # Its users' counts of before are gone, so it can't be undone; from what is published it begins again.
            self._connection.run("emptying a shard", "empty", self._shards[shard].all(), [self._lineage])
            raise NotReady(
                f"Redis: shard {shard} came back older, forgot users on its way, and was emptied to be restored"
            )
        return _snapshot(shard, left, judged, resumed=True)

    def walk(self, snapshot: Snapshot) -> Iterator[list[tuple[str, int]]]:
        """Yield every user of a snapshot once, with their count, in batches; a forgotten one with 0 or less.

        Raises Unavailable at the end unless all of them came by, as after any lost connection: a scan's position means
        nothing to a Redis that restarted. Keeps the users' names while it lasts: some 150 bytes each.
        """
        key = self._shards[snapshot.shard].publishing
        seen: set[bytes] = set()
        position = 0
        with self._connection.alone("walking a snapshot", key) as connection:
            while True:
                position, found = connection.call("walking a snapshot", "HSCAN", key, position, "COUNT", BATCH)
                fresh = {user: found[user] for user in found.keys() - seen}  # a scan may meet a user twice
                seen.update(fresh)
                yield from batches(counted(fresh))
                if position == 0:
                    break
        if len(seen) != snapshot.users:
            raise Unavailable(
                f"Redis at {self._connection.where}: the walk over {key} met {len(seen)} of {snapshot.users} users: "
                "it was emptied or replaced meanwhile. The next flush starts again"
            )

    def stands(self, snapshot: Snapshot) -> bool:
        """Tell whether the snapshot is still there, whole, and the shard's lineage with it."""
        keys = self._shards[snapshot.shard]
        names = (keys.cursors, keys.publishing, keys.publishing_cursors)
        return bool(self._connection.run("checking a snapshot", "stands", names, (self._lineage, snapshot.id)))

    def drop(self, snapshot: Snapshot) -> bool:
        """Delete a snapshot that is published; False when another one, or none, is in its place."""
        keys = self._shards[snapshot.shard]
        names = (keys.publishing, keys.publishing_cursors)
        return bool(self._connection.run("dropping a snapshot", "drop", names, (snapshot.id,)))

    def thaw(self, snapshot: Snapshot) -> bool:
        """Bring all its users back among the changed, with their counts of now; False when it is not there any more.

        Interrupted, it can begin again: it deletes the snapshot only after the last user.
        """
        keys = self._shards[snapshot.shard]
        names = (keys.counts, keys.cursors, keys.changed, keys.publishing_cursors)
        for batch in self.walk(snapshot):
            arguments = (self._lineage, snapshot.id, msgpack.encode([user for user, _ in batch]))
            answer = self._connection.run("thawing a snapshot", "thaw", names, arguments)
            if verdict(answer, keys, self._lineage) == "gone":
                return False
        return self.drop(snapshot)


def _whole(keys: Keys, answer: list[Any]) -> dict[bytes, bytes]:
    left, users = mapping(answer[1]), answer[2]
    if b"id" not in left or int(left[b"changed"]) != users:
        raise lost(keys, f"{keys.publishing} has {users}, not as many as {keys.publishing_cursors} says")
    return left


def _snapshot(
    shard: int, fields: dict[bytes, bytes], judged: Fate = Fate.PUBLISH, *, resumed: bool = False
) -> Snapshot:
    return Snapshot(
        shard,
        str(fields[b"id"], "utf-8"),
        offsets(fields),
        int(fields[b"changed"]),
        judged,
        resumed,
        forgets_in(fields),
    )
