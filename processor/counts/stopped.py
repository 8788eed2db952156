"""What workers say in Redis about the partitions that the breaker stopped, and what a person answers there."""

from contextlib import suppress

from msgspec import MsgspecError, Struct, json
from msgspec.structs import replace

from processor.counts.connection import Connection
from processor.counts.keys import stopped_key
from processor.logins.breaker import Stopped


class Notice(Struct, frozen=True):
    """A partition that is stopped: who stopped it when (ms, UTC), and whether a person said to go on since."""

    stopped: Stopped
    worker: str
    since: int
    go_on: bool = False


class Notices:
    """The notices of a pool, one a partition; raises Unavailable, and then the same call again is safe.

    They are for people: whether a partition is stopped is for its worker to know, so a Redis that lost them, or came
    back older, changes nothing. What stands there is written again, and read, by whoever owns the partition.
    """

    def __init__(self, connection: Connection, prefix: str) -> None:
        self._connection = connection
        self._key = stopped_key(prefix)

    def read(self) -> dict[int, Notice | None]:
        """Each partition's notice; None where it can't be read."""
        fields = self._connection.call("looking at what is stopped", "HGETALL", self._key)
        return {int(partition): _notice(said) for partition, said in fields.items() if partition.isdigit()}

    def put(self, notice: Notice) -> None:
        """Say that this partition is stopped, or that it shall go on."""
        partition = notice.stopped.partition
        self._connection.call("saying what is stopped", "HSET", self._key, partition, json.encode(notice))

    def remove(self, partition: int) -> None:
        """Say that it is not stopped."""
        self._connection.call("saying what is stopped", "HDEL", self._key, partition)

    def answer(self, notice: Notice) -> None:
        """Tell its worker to go on; a partition that was stopped anew meanwhile takes no notice of it."""
        self.put(replace(notice, go_on=True))


def _notice(said: bytes) -> Notice | None:
    with suppress(MsgspecError):
        return json.decode(said, type=Notice)
    return None
