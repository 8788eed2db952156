"""What a tool that changes a pool's state needs: the flusher's lease for itself, and nobody in the pool's group."""

import os
from collections.abc import Callable, Sequence
from secrets import token_hex
from time import monotonic, sleep

from processor.counts.connection import Connection, connect
from processor.counts.lease import Lease, holder
from processor.errors import Refused, Unavailable
from processor.kafka.client import SESSION_SECONDS
from processor.kafka.cluster import Cluster
from processor.kafka.presence import present
from processor.settings import Settings

_LEFT_SECONDS = SESSION_SECONDS + 5.0  # a stopped worker is a member for a session timeout yet

Tell = Callable[[str], None]


def connected(settings: Settings, tool: str) -> tuple[Connection, str]:
    """A connection to Redis and the name under which it takes the lease; nothing is asked yet."""
    owner = f"{settings.host}/{tool}/{os.getpid()}/{token_hex(4)}"
    return connect(settings.redis, owner), owner


class Alone:
    """Keeps flushers away, and tells whether workers are there; `tell` hears what takes a while."""

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        redis: Connection,
        owner: str,
        tell: Tell,
        prefixes: Sequence[str] = (),
    ) -> None:
        self._group = settings.group
        self._seconds = settings.flusher.lease_seconds
        self._cluster = cluster
        self._redis = redis
        self._tell = tell
        self._prefixes = prefixes or [settings.redis.prefix]
        self._leases = [Lease(redis, prefix, owner, self._seconds) for prefix in self._prefixes]
        self._renewed = monotonic()

    def alive(self) -> str | None:
        """Who of the pool is alive at this moment, for a person; None for nobody."""
        return self.members() or self.leader()

    def members(self) -> str | None:
        """Which workers are in the group, for a person; None where there are none."""
        members = present(self._cluster, self._group)
        return f"group {self._group} has the members {', '.join(members)}" if members else None

    def leader(self) -> str | None:
        """Which flusher leads, for a person; None where none does."""
        for prefix in self._prefixes:
            found = holder(self._redis, prefix)
            if found:
                return f"the flusher {found[0]} leads"
        return None

    def take(self) -> None:
        """Wait for a dead flusher's lease to run out; raises Refused for one that is renewed, so of a living one."""
        for prefix, lease in zip(self._prefixes, self._leases, strict=True):
            lowest = float("inf")
            while not lease.acquire():
                found = holder(self._redis, prefix)
                if found and found[1] > lowest:
                    raise Refused(
                        f"the pool is alive: the flusher {found[0]} leads. Stop it on all hosts, then run it again"
                    )
                if found and lowest == float("inf"):
                    self._tell(f"waiting for the lease of {found[0]} to run out")
                lowest = found[1] if found else float("inf")
                sleep(0.2)
        self._renewed = monotonic()

    def acquire(self) -> bool:
        """Take the lease if nobody has it."""
        self._renewed = monotonic()
        return all(lease.acquire() for lease in self._leases)

    def confirm(self) -> None:
        """Keep the lease; raises Refused when it is another's."""
        if monotonic() - self._renewed > self._seconds / 3:
            if not all(lease.renew() or lease.acquire() for lease in self._leases):
                raise Refused("another process took the flusher's lease meanwhile. Run it again")
            self._renewed = monotonic()

    def await_nobody(self) -> None:
        """Workers that were stopped a moment ago are members for a session timeout yet; raises Refused for others."""
        deadline = monotonic() + _LEFT_SECONDS
        if self.members():
            self._tell(f"waiting for workers to leave the group, {_LEFT_SECONDS:.0f} s at most")
        while members := self.members():
            if monotonic() > deadline:
                raise Refused(f"the pool is alive: {members}. Stop it on all hosts, then run it again")
            self.confirm()
            sleep(0.3)

    def release(self) -> None:
        """Let a flusher lead again."""
        try:
            for lease in self._leases:
                lease.release()
        except Unavailable:
            return  # it runs out by itself
