"""Opens the way to Redis that the settings describe: an url, Sentinels, or a Cluster."""

import re
from itertools import cycle
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

from processor.counts import tls
from processor.counts.login import Login
from processor.counts.routes import Cluster, Route, Single
from processor.errors import ConfigurationError
from processor.settings import RedisSettings, addresses

_FORM = "redis.url must look like redis://HOST:PORT/DATABASE, rediss://… (TLS) or unix:///PATH, with no password in it"
_SENTINEL_SECONDS = 1.0  # they answer at once, and are asked one after the other, while a worker waits for its call
_NOT_OF_NODES = {"host", "port", "db", "path"}  # of an url: Sentinels or the Cluster say where, and have no path

Options = dict[str, Any]


def route(settings: RedisSettings, client_name: str) -> tuple[Route, str]:
    """Make one, and what to call it in messages; it connects when it is first used.

    Raises ConfigurationError for a wrong url or password file.
    """
    where = _where(settings.url)
    options: Options = {
        "client_name": _printable(client_name),
        "socket_timeout": settings.timeout_seconds,
        "socket_connect_timeout": settings.timeout_seconds,
        "protocol": 2,  # 3 needs one right more (HELLO) and gives nothing here
        **_login(settings.username, settings.password, settings.password_file, "redis.password_file"),
        **(tls.options(settings) if settings.url.startswith("rediss:") else {}),
    }
    try:
        if settings.sentinels:
            return _sentinels(settings, options), f"{settings.master}, by {settings.sentinels}"
        if settings.cluster:
            return _cluster(settings, options), settings.cluster
        return _single(settings.url, options), where
    except (ValueError, TypeError, redis.RedisError) as problem:
        raise ConfigurationError(f"redis.url, to {where}, is not usable: {problem}") from problem


def _single(url: str, options: Options) -> Route:
    client = redis.Redis.from_url(url, retry=_never(), **options)
    _check(client)
    return Single(client)


def _sentinels(settings: RedisSettings, options: Options) -> Route:
    """Sentinels have users of their own; TLS is for them, too, where the url says so."""
    given = _of_url(settings.url)
    quickly = min(settings.timeout_seconds, _SENTINEL_SECONDS)
    login = _login(
        settings.sentinel_username,
        settings.sentinel_password,
        settings.sentinel_password_file,
        "redis.sentinel_password_file",
    )
    asking: Options = {
        "socket_timeout": quickly,
        "socket_connect_timeout": quickly,
        "protocol": options["protocol"],
        "retry": _never(),
        **{name: value for name, value in {**given, **options}.items() if name.startswith("ssl")},
        **login,
    }
    sentinels = Sentinel(addresses(settings.sentinels), sentinel_kwargs=asking)
    database = parse_url(settings.url).get("db", 0)
    client = sentinels.master_for(settings.master, db=database, retry=_never(), **{**given, **options})
    _check(redis.Redis(retry=_never(), **{**given, **options}))
    return Single(client)


def _cluster(settings: RedisSettings, options: Options) -> Route:
    """One node after the other is asked for the map, one a call: none may take longer than a call may."""
    given = {**_of_url(settings.url), **options}
    places = cycle(addresses(settings.cluster))
    _check(redis.Redis(retry=_never(), **given))
    return Cluster(lambda: RedisCluster(startup_nodes=[ClusterNode(*next(places))], retry=_never(), **given))


def _of_url(url: str) -> Options:
    """What an url says beside the place: TLS, and its options."""
    given = {name: value for name, value in parse_url(url).items() if name not in _NOT_OF_NODES}
    if given.pop("connection_class", redis.Connection) is redis.SSLConnection:
        given["ssl"] = True
    return given


def _check(client: Any) -> None:
    """Connect to nothing, yet refuse unknown options."""
    pool = client.connection_pool
    pool.connection_class(**pool.connection_kwargs)


def _never() -> Retry:
    return Retry(NoBackoff(), 0)  # redis-py repeats ten times by default, and blocks; our loops repeat


def _login(username: str, password: str, password_file: str, key: str) -> Options:
    login = Login(username, password, password_file, key)
    return {"credential_provider": login} if login.given else {}


def _printable(name: str) -> str:
    """Replace what CLIENT SETNAME refuses: spaces, and all outside ASCII."""
    return "".join(c if "!" <= c <= "~" else "-" for c in name)


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
