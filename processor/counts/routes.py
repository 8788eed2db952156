"""Where a command goes: to the only Redis, the primary that Sentinels name, or the node of a Cluster with its key."""

from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol

from redis import exceptions
from redis.cluster import RedisCluster

Client = Any  # a redis.Redis, whose methods are typed in part only

# What says that the map of the cluster is old, or that a node of it is away.
_ASTRAY = (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.AskError, exceptions.ClusterError)


class Route(Protocol):
    """Finds clients; a client belongs to one server, and repeats nothing."""

    moves: bool  # whether a key may lie on another server by the time that it is asked for

    def to(self, key: str) -> Client:
        """Whoever has this key now."""

    def each(self) -> list[tuple[str, Client]]:
        """Every server that holds counts, with its address; without one where there is only one."""

    def lost(self, problem: Exception) -> None:
        """Hear of an error: what was known may be old."""

    def close(self) -> None:
        """Close all connections."""


class Single:
    """One client for everything; that of Sentinels asks them again with each new connection."""

    def __init__(self, client: Client, *, moves: bool = False) -> None:
        self.moves = moves
        self._client = client

    def to(self, key: str) -> Client:  # noqa: ARG002 (it has them all)
        """The only one."""
        return self._client

    def each(self) -> list[tuple[str, Client]]:
        """The only one."""
        return [("", self._client)]

    def lost(self, problem: Exception) -> None:
        """Nothing was known."""

    def close(self) -> None:
        """Close all connections."""
        self._client.close()


class Cluster:
    """The nodes of a Redis Cluster: a shard's keys lie in one slot, so on one node.

    Redirections are not followed: they end the call as Unavailable, the map is made anew, and our loops repeat. So a
    call is sent once, as to a single Redis, and a slot that is on its way is waited for.
    """

    moves = True

    def __init__(self, opened: Callable[[], RedisCluster]) -> None:
        self._opened = opened
        self._nodes: RedisCluster | None = None
        self._lock = Lock()

    def to(self, key: str) -> Client:
        """The primary that has this key's slot."""
        nodes = self._known()
        return nodes.get_redis_connection(nodes.get_node_from_key(key))

    def each(self) -> list[tuple[str, Client]]:
        """All primaries."""
        nodes = self._known()
        return [(node.name, nodes.get_redis_connection(node)) for node in nodes.get_primaries()]

    def lost(self, problem: Exception) -> None:
        """Ask for the map again with the next call; other threads go on with what they have in hand."""
        if isinstance(problem, _ASTRAY):
            with self._lock:
                self._nodes = None

    def close(self) -> None:
        """Close all connections."""
        if self._nodes is not None:
            self._nodes.close()

    def _known(self) -> RedisCluster:
        with self._lock:
            if self._nodes is None:
                self._nodes = self._opened()
            return self._nodes
