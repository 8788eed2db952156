"""The flusher's lease: who leads, until when."""

from processor.counts.connection import Connection
from processor.counts.keys import leader_key


class Lease:
    """Held by at most one owner, while Redis keeps it: a deposed leader is stopped by Kafka's fencing, not by this.

    `owner` must be of one process (host, slot and pid), for `status` to show and for no other to renew.
    Every call raises Unavailable when nobody knows what happened: then the same call again is safe.
    """

    def __init__(self, connection: Connection, prefix: str, owner: str, seconds: float) -> None:
        self._connection = connection
        self._key = leader_key(prefix)
        self._owner = owner
        self._milliseconds = round(seconds * 1000)

    def acquire(self) -> bool:
        """Take the lease if it is free; True also when this owner has it already."""
        return self._run("acquire", self._owner, self._milliseconds)

    def renew(self) -> bool:
        """Prolong it; False when it expired, was emptied away or is another's: then this one leads no more."""
        return self._run("renew", self._owner, self._milliseconds)

    def release(self) -> bool:
        """Give it back, so that a successor need not wait; False when it was this owner's no more."""
        return self._run("release", self._owner)

    def _run(self, script: str, *arguments: str | int) -> bool:
        return bool(self._connection.run("keeping the flusher's lease", script, [self._key], arguments))


def holder(connection: Connection, prefix: str) -> tuple[str, float] | None:
    """Tell who has the lease, and for how many seconds yet; None when nobody has."""
    key = leader_key(prefix)
    owner, left = connection.calls("asking who leads", [("GET", key), ("PTTL", key)])
    return None if owner is None else (str(owner, "utf-8", "replace"), max(0, left) / 1000)
