"""What each error of Redis means: whose turn it is, and what to do; judged by code, the texts are for people."""

import re

from redis import exceptions
from redis.sentinel import MasterNotFoundError

from processor.counts import tls
from processor.errors import ConfigurationError, DataProcessorError, Refused, Unavailable

# All that one user for everything has to do, for `ACL SETUSER`; deploy/redis/users.acl has one for each role.
KEY_PATTERNS = "~{PREFIX:*}:* ~{PREFIX}:*"
RIGHTS = (
    "+client|setname +select +info +time +evalsha +script|load +get +set +del +unlink +exists +pexpire +pttl +copy "
    "+rename +hget +hmget +hgetall +hkeys +hset +hdel +hlen +hscan"
)

# redis-py has a class for some codes and takes the code off their text.
_CLASSES: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.AuthenticationWrongNumberOfArgsError, "WRONGPASS"),
    (exceptions.AuthenticationError, "WRONGPASS"),  # NOAUTH, too
    (exceptions.AuthorizationError, "NOPERM"),
    (exceptions.NoPermissionError, "NOPERM"),
    (exceptions.BusyLoadingError, "LOADING"),
    (exceptions.ReadOnlyError, "READONLY"),
    (exceptions.OutOfMemoryError, "OOM"),
    (exceptions.NoScriptError, "NOSCRIPT"),
    (exceptions.MasterDownError, "MASTERDOWN"),
    (exceptions.ClusterDownError, "CLUSTERDOWN"),
    (exceptions.TryAgainError, "TRYAGAIN"),
    (exceptions.SlotNotCoveredError, "CLUSTERDOWN"),
    (exceptions.AskError, "MOVED"),  # MovedError is one
    (exceptions.ClusterCrossSlotError, "CROSSSLOT"),
    (MasterNotFoundError, "NOMASTER"),
    (exceptions.TimeoutError, "TIMEOUT"),
    (exceptions.ConnectionError, "CONNECTION"),
    (exceptions.InvalidResponse, "CONNECTION"),
    (exceptions.RedisClusterException, "CONNECTION"),
)

# What a script's own call answered: before Redis 7 wrapped in ERR, with the code after the line number.
_IN_SCRIPT = re.compile(r"@user_script: ?\d+: -?([A-Z]+) ")
_CODE = re.compile(r"([A-Z]+) ")
# A right that is missing inside a script has no code of its own: until Redis 7.0, and since 7.2.
_NO_RIGHT = ("The user executing the script can't", "ACL failure in script")

_Meaning = tuple[type[DataProcessorError], str]

_MEANINGS: dict[str, _Meaning] = {
    "TIMEOUT": (Unavailable, "it does not answer in time"),
    "CONNECTION": (Unavailable, "the connection failed"),
    "HUNGUP": (
        Unavailable,
        "it closed the connection at once: where this port speaks TLS, redis.url must begin with rediss://",
    ),
    "TLSPLAIN": (
        Unavailable,
        "it does not speak TLS at this port: redis.url must name its TLS port, or begin with redis://",
    ),
    "TLSEXPIRED": (Unavailable, "its certificate has expired: give it a new one (deploy/redis/README.md)"),
    "TLSEARLY": (Unavailable, "its certificate is not valid yet: compare its clock, and the authority's, with ours"),
    "TLSAUTHORITY": (
        Unavailable,
        "nobody whom we trust has signed its certificate: name the file of its authority in redis.ca_file",
    ),
    "TLSNAME": (
        Unavailable,
        "its certificate is not for the name by which we call it: call it by one that it has, or give it one that has",
    ),
    "TLSCLIENT": (
        Unavailable,
        "it wants a certificate of ours, from its own authority: redis.certificate_file and redis.key_file name it",
    ),
    "NOMASTER": (
        Unavailable,
        "no Sentinel names a primary: one is being elected, or check redis.master, redis.sentinels, sentinel_password",
    ),
    "LOADING": (Unavailable, "it is loading its data after a start"),
    "BUSY": (Unavailable, "a script keeps it busy"),
    "NOSCRIPT": (Unavailable, "it was restarted in this moment"),
    "READONLY": (Unavailable, "it is a replica: redis.url must lead to the primary"),
    "MASTERDOWN": (Unavailable, "it is a replica without its primary: redis.url must lead to the primary"),
    "NOREPLICAS": (Unavailable, "too few replicas are connected (min-replicas-to-write)"),
    "CLUSTERDOWN": (Unavailable, "its cluster is down"),
    "TRYAGAIN": (Unavailable, "its cluster moves these keys"),
    "OOM": (Unavailable, "its memory is full and nothing was changed: raise its maxmemory"),
    "MISCONF": (Unavailable, "it can't save to its disk and takes no writes: its log says why"),
    "WRONGPASS": (
        ConfigurationError,
        "it refuses the login: check redis.username and redis.password or redis.password_file",
    ),
    "NOPERM": (
        Refused,
        "the user lacks a right: deploy/redis/users.acl has those of each role, and of one user for everything "
        f"`ACL SETUSER … {KEY_PATTERNS} {RIGHTS}`",
    ),
    "MOVED": (
        ConfigurationError,
        "this is a node of a Redis Cluster, and the shard lies on another: name the cluster's nodes in redis.cluster",
    ),
    "CROSSSLOT": (Refused, "the keys of one shard must lie in one slot: this is a defect of data-processor"),
    "WRONGTYPE": (Refused, "a key of ours has another type: something else uses redis.prefix, choose another"),
}
_MOVED: _Meaning = (Unavailable, "its cluster has moved the shard to another node")
_UNFORESEEN: _Meaning = (Refused, "it refuses a command; Redis 6.2 or later is needed")


def failure(
    problem: Exception, where: str, doing: str, *, moves: bool = False, stranger: bool = False
) -> DataProcessorError:
    """Turn an error of redis-py into ours; `doing` says what was tried, as in "counting".

    `moves`: a Cluster is expected to move keys. `stranger`: it has never answered yet.
    """
    problem = _cause(problem)
    code = tls.code(problem) or _code(problem)
    if stranger and code == "CONNECTION" and tls.hung_up(problem):
        code = "HUNGUP"
    kind, meaning = _MOVED if moves and code == "MOVED" else _MEANINGS.get(code, _UNFORESEEN)
    said = "" if code == "WRONGPASS" else f" ({_without_arguments(problem)})"
    return kind(f"Redis at {where}: {doing}: {meaning}{said}")


def _cause(problem: Exception) -> Exception:
    """Why no node could be asked for a cluster's map: a wrong password, say, under whatever redis-py makes of it."""
    while isinstance(problem, exceptions.RedisClusterException):
        inner = problem.__cause__ or problem.__context__
        if not isinstance(inner, exceptions.RedisError | exceptions.RedisClusterException):
            break
        problem = inner
    return problem


def _code(problem: Exception) -> str:
    if any(words in str(problem) for words in _NO_RIGHT):
        return "NOPERM"
    inside = _IN_SCRIPT.search(str(problem))
    if inside:
        return inside[1]
    for kind, code in _CLASSES:
        if isinstance(problem, kind):
            return code
    first = _CODE.match(str(problem))
    return first[1] if first else ""


def _without_arguments(problem: Exception) -> str:
    """Return what Redis said, without the arguments that it repeats: a user id, or a password."""
    return str(problem).split(", with args beginning with")[0].strip() or type(problem).__name__
