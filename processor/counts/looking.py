"""The audit's side of the counts: users' counts and cursors of the same instant, while workers go on counting."""

from collections.abc import Sequence

from msgspec import Struct, msgpack

from processor.counts.answers import Offsets, forgets_in, mapping, offsets, verdict
from processor.counts.connection import Connection
from processor.counts.keys import Keys
from processor.settings import RedisSettings


class Seen(Struct, frozen=True):
    """One instant of a shard: the counts asked for, its cursors, and how many users it has."""

    counts: list[int | str | None]  # None: no such user; text is no number
    cursors: Offsets
    users: int
    forgets: int = 0  # the number of the last forget that is in these counts


class Looking:
    """Looks into the shards of one lineage.

    A walk over a hash that changes is of no single moment, and nothing could be said of its sums. A look takes one
    chunk of users and the cursors in one script, so each chunk is exact for the cursors that came with it.
    """

    def __init__(self, connection: Connection, settings: RedisSettings, lineage: str) -> None:
        self._connection = connection
        self._lineage = lineage
        self._shards = [Keys(settings.prefix, shard) for shard in range(settings.shards)]

    def look(self, shard: int, users: Sequence[str]) -> Seen:
        """Look at some users, 1,000 at most. Raises NotReady, LineageMismatch or Unavailable."""
        keys = self._shards[shard]
        arguments = (self._lineage, msgpack.encode(users))
        answer = self._connection.run("looking at counts", "look", (keys.counts, keys.cursors), arguments)
        verdict(answer, keys, self._lineage)
        _, cursors, counts, total = answer
        fields = mapping(cursors)
        forgets = forgets_in(fields)
        return Seen([_number(count) for count in counts], offsets(fields), total, forgets)


def _number(count: bytes | None) -> int | str | None:
    try:
        return None if count is None else int(count)
    except ValueError:
        return str(count or b"", "utf-8", "replace")
