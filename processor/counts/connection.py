"""The way to Redis: a client without retries of its own, the scripts, and the project's errors for the client's."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from processor.counts.failures import failure
from processor.errors import ConfigurationError, Refused
from processor.settings import RedisSettings

Value = str | bytes | int

_FORM = "redis.url must look like redis://HOST:PORT/DATABASE, rediss://… (TLS) or unix:///PATH, with no password in it"


class Connection:
    """A client whose every call raises Unavailable, Refused or ConfigurationError instead of redis-py's errors.

    `doing` says in each call what is tried, for the message. Answers are typed by whoever asks: redis-py's own types
    are a union of all that any command may answer. Threads may share one.
    """

    def __init__(self, client: Any, where: str) -> None:
        self.where = where
        self._client = client  # a redis.Redis, whose methods are typed in part only
        self._scripts: dict[str, Any] = {}

    def call(self, doing: str, *command: Value) -> Any:
        """Return what one command answers."""
        with self._translated(doing):
            return self._client.execute_command(*command)

    def calls(self, doing: str, commands: Sequence[tuple[Value, ...]]) -> list[Any]:
        """Return what several commands answer, in one round trip; other clients' commands may come between."""
        with self._translated(doing), self._client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            answers: list[Any] = pipeline.execute()
        return answers

    def run(self, doing: str, script: str, keys: Sequence[str], arguments: Sequence[Value]) -> Any:
        """Return what lua/`script`.lua answers; a Redis that does not know it (restarted, say) is sent it first."""
        known = self._scripts.get(script)
        if known is None:
            known = self._scripts[script] = self._client.register_script(_source(script))
        with self._translated(doing):
            return known(keys, arguments)

    @contextmanager
    def alone(self, doing: str) -> Iterator["Connection"]:
        """Keep to one TCP connection, so to one run of one server: a lost one is an error, never opened anew unseen."""
        with self._translated(doing):
            client = self._client.client()
        try:
            yield Connection(client, self.where)
        finally:
            client.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except redis.DataError:
            raise  # an argument of a wrong type: a defect of ours, not of Redis
        except redis.RedisError as problem:
            raise failure(problem, self.where, doing) from problem


def connect(settings: RedisSettings, client_name: str) -> Connection:
    """Make a client; it connects with its first call. Raises ConfigurationError for a wrong url or password file."""
    options: dict[str, Any] = {
        "client_name": _printable(client_name),
        "socket_timeout": settings.timeout_seconds,
        "socket_connect_timeout": settings.timeout_seconds,
        "retry": Retry(NoBackoff(), 0),  # redis-py repeats ten times by default, and blocks; our loops repeat
        "protocol": 2,  # 3 needs one right more (HELLO) and gives nothing here
    }
    password = settings.password or _secret(settings.password_file)
    options |= {"username": settings.username} if settings.username else {}
    options |= {"password": password} if password else {}
    where = _where(settings.url)
    try:
        client = redis.Redis.from_url(settings.url, **options)
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # connects to nothing, yet refuses unknown options
    except (ValueError, TypeError, redis.RedisError) as problem:
        raise ConfigurationError(f"redis.url, to {where}, is not usable: {problem}") from problem
    return Connection(client, where)


def check_policy(connection: Connection) -> None:
    """Refuse a Redis that evicts keys when it is full: it would lose counts."""
    memory: dict[str, Any] = connection.call("reading its memory policy", "INFO", "memory")
    policy = memory.get("maxmemory_policy", "noeviction")
    if memory.get("maxmemory", 0) and policy != "noeviction":
        raise Refused(
            f"Redis at {connection.where}: maxmemory-policy is {policy}, so a full Redis would throw counts away. "
            "Set it to noeviction: `CONFIG SET maxmemory-policy noeviction`, and in redis.conf"
        )


@cache
def _source(script: str) -> str:
    return (files("processor.counts") / "lua" / f"{script}.lua").read_text(encoding="utf-8")


def _printable(name: str) -> str:
    """Replace what CLIENT SETNAME refuses: spaces, and all outside ASCII."""
    return "".join(c if "!" <= c <= "~" else "-" for c in name)


def _secret(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, ValueError) as problem:
        raise ConfigurationError(f"redis.password_file {path} can't be read: {problem}") from problem


def _where(url: str) -> str:
    """Pick host, port and database of a url. Whatever does not fit is not repeated: it may be a piece of a password."""
    try:
        parts = urlsplit(url)
        options = [name for name, _ in parse_qsl(parts.query) if name != "db" and not name.startswith("ssl_")]
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise ConfigurationError(_FORM) from None
    if options:
        raise ConfigurationError(f"redis.url has the option {options[0]}: only db and ssl_… may be given there")
    complete = parts.path if parts.scheme == "unix" else parts.hostname and re.fullmatch(r"/?\d*", parts.path)
    if not complete:
        raise ConfigurationError(_FORM)
    return f"{parts.hostname or ''}{port}{parts.path}"
