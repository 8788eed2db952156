"""The way to Redis: one call to the right server, the scripts, and the project's errors for the client's."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any

import redis

from processor.counts.failures import failure
from processor.counts.opening import route
from processor.counts.routes import Client, Route, Single
from processor.errors import Refused
from processor.settings import RedisSettings

Value = str | bytes | int


class Connection:
    """A way to Redis whose every call raises Unavailable, Refused or ConfigurationError instead of redis-py's errors.

    `doing` says in each call what is tried, for the message. Answers are typed by whoever asks: redis-py's own types
    are a union of all that any command may answer. Threads may share one.
    """

    def __init__(self, route: Route, where: str) -> None:
        self.where = where
        self._route = route
        self._scripts: dict[str, Any] = {}
        self._answered = False

    def call(self, doing: str, *command: Value, near: str = "") -> Any:
        """Return what one command answers; one without a key is asked of the server that has the key `near`."""
        with self._translated(doing):
            return self._route.to(near or _key(command)).execute_command(*command)

    def calls(self, doing: str, commands: Sequence[tuple[Value, ...]]) -> list[Any]:
        """Return what several commands, each with its key, answer, in one round trip to each server.

        Other clients' commands may come between.
        """
        with self._translated(doing):
            to: dict[Client, list[int]] = {}
            for at, command in enumerate(commands):
                to.setdefault(self._route.to(_key(command)), []).append(at)
            answers: dict[int, Any] = {}
            for client, places in to.items():
                with client.pipeline(transaction=False) as pipeline:
                    for at in places:
                        pipeline.execute_command(*commands[at])
                    answers.update(zip(places, pipeline.execute(), strict=True))
        return [answers[at] for at in range(len(commands))]

    def run(self, doing: str, script: str, keys: Sequence[str], arguments: Sequence[Value]) -> Any:
        """Return what lua/`script`.lua answers; a Redis that does not know it (restarted, say) is sent it first."""
        with self._translated(doing):
            client = self._route.to(keys[0])
            known = self._scripts.get(script)
            if known is None:
                known = self._scripts[script] = client.register_script(_source(script))
            return known(keys, arguments, client=client)

    @contextmanager
    def alone(self, doing: str, key: str) -> Iterator["Connection"]:
        """Keep to one TCP connection to whoever has this key, so to one run of one server.

        A lost one is an error, never opened anew unseen.
        """
        with self._translated(doing):
            client = self._route.to(key).client()
        try:
            yield Connection(Single(client, moves=self._route.moves), self.where)
        finally:
            client.close()

    def each(self, doing: str) -> "list[Connection]":
        """One for each server that holds counts: what is asked of it must need no key, or one that it has."""
        with self._translated(doing):
            servers = self._route.each()
        return [Connection(Single(client, moves=self._route.moves), name or self.where) for name, client in servers]

    def close(self) -> None:
        """Close all connections."""
        self._route.close()

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
            self._answered = True
        except redis.DataError:
            raise  # an argument of a wrong type: a defect of ours, not of Redis
        except (redis.RedisError, redis.RedisClusterException) as problem:
            self._route.lost(problem)
            raise failure(problem, self.where, doing, moves=self._route.moves, stranger=not self._answered) from problem


def connect(settings: RedisSettings, client_name: str) -> Connection:
    """Make a client; it connects with its first call. Raises ConfigurationError for a wrong url or password file."""
    return Connection(*route(settings, client_name))


def _key(command: Sequence[Value]) -> str:
    return str(command[1]) if len(command) > 1 else ""


def check_policy(connection: Connection) -> None:
    """Refuse a Redis that evicts keys when it is full: it would lose counts."""
    doing = "reading its memory policy"
    for server in connection.each(doing):
        memory: dict[str, Any] = server.call(doing, "INFO", "memory")
        policy = memory.get("maxmemory_policy", "noeviction")
        if memory.get("maxmemory", 0) and policy != "noeviction":
            raise Refused(
                f"Redis at {server.where}: maxmemory-policy is {policy}, so a full Redis would throw counts away. "
                "Set it to noeviction: `CONFIG SET maxmemory-policy noeviction`, and in redis.conf"
            )


@cache
def _source(script: str) -> str:
    return (files("processor.counts") / "lua" / f"{script}.lua").read_text(encoding="utf-8")
