"""What the scalers of all hosts tell each other: one field a host, with the time of Redis, so no clocks must agree."""

from contextlib import suppress

from msgspec import MsgspecError, Struct, json

from processor.counts.connection import Connection
from processor.counts.keys import hosts_key
from processor.scaling.pool import Host

_FORGOTTEN_SECONDS = 86_400.0  # a host that said nothing for so long is no part of the pool any more


class Beat(Struct, frozen=True):
    """A host's last word: what it needs the others to know, its decision in one line, and when (ms, Redis' clock)."""

    host: Host
    line: str
    at: int = 0


class Heard(Struct, frozen=True):
    """A beat, and how many seconds ago it was."""

    beat: Beat
    age: float


class Hosts:
    """The heartbeats of a pool; raises Unavailable, and then the same call again is safe."""

    def __init__(self, connection: Connection, prefix: str) -> None:
        self._connection = connection
        self._key = hosts_key(prefix)

    def beat(self, host: Host, line: str) -> None:
        """Say that this host is there."""
        seconds, microseconds = self._time()
        said = json.encode(Beat(host, line, _milliseconds(seconds, microseconds)))
        self._connection.call("telling the other hosts", "HSET", self._key, host.name, said)

    def leave(self, name: str) -> None:
        """Say that this host scales no more: the others count what still runs there."""
        self._connection.call("telling the other hosts", "HDEL", self._key, name)

    def heard(self) -> list[Heard]:
        """Every host's last word, by name; what can't be read is left out, what is a day old is taken away."""
        now = _milliseconds(*self._time())
        fields = self._connection.call("hearing the other hosts", "HGETALL", self._key)
        beats = [(name, _beat(said)) for name, said in sorted(fields.items())]
        found = [(name, Heard(beat, max(0, now - beat.at) / 1000)) for name, beat in beats if beat is not None]
        for name, heard in found:
            if heard.age > _FORGOTTEN_SECONDS:
                self._connection.call("forgetting a host", "HDEL", self._key, name)
        return [heard for _, heard in found]

    def _time(self) -> tuple[int, int]:
        seconds, microseconds = self._connection.call("asking Redis for the time", "TIME", near=self._key)
        return seconds, microseconds


def _milliseconds(seconds: int | bytes, microseconds: int | bytes) -> int:
    return int(seconds) * 1000 + int(microseconds) // 1000


def _beat(said: bytes) -> Beat | None:
    with suppress(MsgspecError):
        return json.decode(said, type=Beat)
    return None
