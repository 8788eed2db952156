"""What `doctor` asks of Redis: how new it is, whether it keeps what it is given, and what this user may do."""

from collections.abc import Sequence
from time import time
from typing import Any

from msgspec import Struct

from processor.counts.connection import Connection
from processor.counts.failures import RIGHTS
from processor.counts.keys import Keys, leader_key

# Not SELECT: whose database is 0 never sends it, and with another one a user who lacks it does not get as far as here.
_COMMANDS = [right.removeprefix("+").replace("|", " ") for right in RIGHTS.split() if right != "+select"]


class RedisSeen(Struct, frozen=True):
    """A Redis as it is now."""

    where: str
    version: str
    role: str
    policy: str  # maxmemory-policy
    most_bytes: int  # maxmemory; 0: no limit
    used_bytes: int
    machine_bytes: int  # the memory of its machine
    evicted: int  # keys, since it was started
    append_only: bool
    failing: Sequence[str]  # of its last writes to disk
    clients: int
    most_clients: int
    clock_ahead: float  # this machine's clock less that of Redis, seconds
    clock_within: float  # how exact that is
    refused: Sequence[str] | None  # commands that this user may not give; None: it is too old to say


def look(connection: Connection, refused: Sequence[str] | None) -> RedisSeen:
    """Ask one server for all of it; raises what Connection raises."""
    connection.call("asking how it is", "INFO")  # opens the connection: the next answer comes without delay
    before = time()
    info: dict[str, Any] = connection.call("asking how it is", "INFO")
    after = time()
    failing = ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
    return RedisSeen(
        where=connection.where,
        version=str(info.get("redis_version", "0")),
        role=str(info.get("role", "master")),
        policy=str(info.get("maxmemory_policy", "noeviction")),
        most_bytes=int(info.get("maxmemory", 0)),
        used_bytes=int(info.get("used_memory", 0)),
        machine_bytes=int(info.get("total_system_memory", 0)),
        evicted=int(info.get("evicted_keys", 0)),
        append_only=bool(info.get("aof_enabled", 0)),
        failing=[name for name in failing if info.get(name, "ok") != "ok"],
        clients=int(info.get("connected_clients", 0)),
        most_clients=int(info.get("maxclients", 0)),
        clock_ahead=(before + after) / 2 - int(info["server_time_usec"]) / 1e6,
        clock_within=(after - before) / 2,
        refused=refused,
    )


def refused(connection: Connection, prefix: str) -> list[str] | None:
    """Ask which commands of ours this user may not give; None: Redis is too old to say."""
    found: set[str] = set()
    for key in (Keys(prefix, 0).counts, leader_key(prefix)):
        answer = connection.run("looking at this user's rights", "rights", [key], _COMMANDS)
        if not isinstance(answer, list):
            return None
        found |= {_COMMANDS[index - 1] for index in answer}
    return sorted(found)
