"""Reset's side of the counts: shards that nobody can use while it lasts, and that begin without users after it."""

from collections.abc import Mapping

from processor.counts.answers import packed_offsets
from processor.counts.connection import Connection
from processor.counts.keys import Keys
from processor.errors import Unavailable
from processor.faults import reach
from processor.settings import RedisSettings

_DOING = "resetting a shard"


class Resetting:
    """Marks all shards, and either calls it off or begins them anew.

    The mark stands in the lineage's place, so every worker and flusher refuses the shard, with a line that tells what
    it is, however the reset ends. Repeating any call does no harm.
    """

    def __init__(self, connection: Connection, settings: RedisSettings, mark: str) -> None:
        self._connection = connection
        self._mark = mark
        self._shards = [Keys(settings.prefix, shard) for shard in range(settings.shards)]
        self._before: dict[int, str] = {}

    def mark(self) -> None:
        """Keep everybody out."""
        for keys in self._shards:
            found = self._connection.run(_DOING, "mark", [keys.cursors], [self._mark])
            self._before[keys.shard] = "" if found is None else str(found, "utf-8", "replace")

    def unmark(self) -> None:
        """Let everybody in again, as if nothing had been; a shard whose mark was not confirmed is restored then."""
        for keys in self._shards:
            before = self._before.get(keys.shard, "")
            self._connection.run(_DOING, "unmark", [keys.cursors], [self._mark, before])

    def anew(self, lineage: str, cursors: Mapping[int, int]) -> None:
        """Begin all shards without users at these cursors; raises Unavailable when Redis lost the mark meanwhile."""
        for keys in self._shards:
            arguments = (self._mark, lineage, packed_offsets(cursors))
            if not self._connection.run(_DOING, "anew", keys.all(), arguments):
                raise Unavailable(
                    f"Redis at {self._connection.where}: shard {keys.shard} was emptied or went back during the reset: "
                    "it is not finished. Run `data-processor reset` again"
                )
            reach("reset.after-shard")
