"""Asking that users be forgotten: the request lies in Redis until the flusher takes its next snapshot."""

from time import time

from msgspec import Struct

from processor.counts.answers import check_lineage, forgets_in, verdict
from processor.counts.connection import Connection
from processor.counts.keys import Keys
from processor.errors import Unavailable
from processor.logins.count import shard_of
from processor.settings import RedisSettings

_MOST_WAITING = 1_000  # users of one shard: the snapshot forgets all of them in one script


class Waiting(Struct, frozen=True):
    """Whether a request still lies there, and the number of its shard's last forget."""

    waits: bool
    forgets: int


class Asking:
    """The requests of all shards; raises NotReady, LineageMismatch and Unavailable as the store does."""

    def __init__(self, connection: Connection, settings: RedisSettings, lineage: str) -> None:
        self._connection = connection
        self._lineage = lineage
        self._shards = [Keys(settings.prefix, shard) for shard in range(settings.shards)]

    def ask(self, user: str) -> int:
        """Ask that a user be forgotten; answers the number of the last forget before. Again, it does no harm."""
        keys = self._of(user)
        arguments = (self._lineage, user, int(time() * 1000), _MOST_WAITING)
        answer = self._connection.run("asking to forget", "ask", (keys.cursors, keys.forgetting), arguments)
        if verdict(answer, keys, self._lineage) == "full":
            raise Unavailable(
                f"Redis: {answer[1]} users of shard {keys.shard} wait to be forgotten: try again after the next flush"
            )
        return int(answer[1])

    def waiting(self, user: str) -> Waiting:
        """Look after a request; the shard's number is from before it was looked for."""
        keys = self._of(user)
        fields = self._connection.call("looking after a request", "HGETALL", keys.cursors)
        check_lineage(fields.get(b"lineage"), keys, self._lineage)
        asked = self._connection.call("looking after a request", "HGET", keys.forgetting, user)
        return Waiting(asked is not None, forgets_in(fields))

    def _of(self, user: str) -> Keys:
        return self._shards[shard_of(user, len(self._shards))]
