"""Restore's side of the counts: filling a shard that has no lineage, beside whatever else tries to; and erasing one."""

from collections.abc import Mapping

from processor.counts.answers import check_lineage, packed_offsets, packed_users, verdict
from processor.counts.connection import Connection
from processor.counts.keys import Keys
from processor.settings import RedisSettings


class Loading:
    """Loads shards in numbered chunks; nobody sees a shard before `finish`.

    Two may try at once (a FLUSHALL deletes the lease, too): the one that began last goes on, the other is answered
    False. Every call raises Unavailable when nobody knows what happened, then the same call again is safe; and
    LineageMismatch when the shard belongs to something else.
    """

    def __init__(self, connection: Connection, settings: RedisSettings, lineage: str) -> None:
        self._connection = connection
        self._prefix = settings.prefix
        self._lineage = lineage

    def ready(self, shard: int) -> bool:
        """Tell whether the shard has its lineage, so that there is nothing to restore."""
        keys = Keys(self._prefix, shard)
        found = self._connection.call("reading a shard's lineage", "HGET", keys.cursors, "lineage")
        if found is not None:
            check_lineage(found, keys, self._lineage)
        return found is not None

    def begin(self, shard: int, restore_id: str) -> bool:
        """Start from nothing; False when the shard is ready."""
        keys = Keys(self._prefix, shard)
        return self._run("begin", keys, [keys.cursors, keys.restoring], restore_id) == "begun"

    def add(self, shard: int, restore_id: str, chunk_number: int, users: Mapping[str, int]) -> bool:
        """Load chunk `chunk_number` (0, 1, …); a user who was in an earlier one keeps the larger count, with 0 none.

        False: another restore began, or Redis went back or was emptied: begin again.
        """
        keys = Keys(self._prefix, shard)
        steps = (_progress(restore_id, chunk_number), _progress(restore_id, chunk_number + 1))
        return self._run("add", keys, [keys.restoring], *steps, *packed_users(users)) == "added"

    def loaded(self, shard: int) -> int:
        """How many different users are loaded so far: two chunks may have had the same."""
        fields: int = self._connection.call("restoring a shard", "HLEN", Keys(self._prefix, shard).restoring)
        return max(0, fields - 1)  # one field is its progress

    def finish(
        self, shard: int, restore_id: str, chunks: int, users: int, cursors: Mapping[int, int], forgets: int = 0
    ) -> bool:
        """Turn what was loaded into the shard's counts, with these cursors and forgets, and let the workers in.

        `users` is how many different ones there are in all `chunks`. False: the shard is ready (by an earlier try, or
        another restore), or begin again, as `ready` tells. Raises Refused when users are missing.
        """
        keys = Keys(self._prefix, shard)
        arguments = (self._lineage, _progress(restore_id, chunks), users, packed_offsets(cursors), forgets)
        return self._run("finish", keys, keys.all(), *arguments) == "finished"

    def erase(self, shard: int) -> None:
        """Delete all that a shard has: it is restored, or begins at the log's first offset."""
        self._connection.call("erasing a shard", "UNLINK", *Keys(self._prefix, shard).all())

    def _run(self, script: str, keys: Keys, names: list[str] | tuple[str, ...], *arguments: str | bytes | int) -> str:
        answer = self._connection.run("restoring a shard", script, names, arguments)
        return verdict(answer, keys, self._lineage)


def _progress(restore_id: str, chunks: int) -> str:
    return f"{restore_id} {chunks}"
