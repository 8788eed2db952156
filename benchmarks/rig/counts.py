"""Redis from the side: how large it is, and a shard that knows many users before a pool starts."""

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import redis

from benchmarks.rig.failed import Failed
from benchmarks.rig.waiting import until
from processor.counts.connection import connect
from processor.counts.loading import Loading
from processor.kafka.cluster import Cluster, lineage
from processor.logins.generated import user_id
from processor.restore import Load
from processor.settings import Settings


def fill(settings: Settings, users: int, filled: Callable[[int], object] = lambda _: None) -> None:
    """Give each of so many users one login, the way a restore does; the pool's logins come on top."""
    connection = connect(settings.redis, "benchmark")
    load = Load(Loading(connection, settings.redis, lineage(settings, Cluster(settings))), 0)
    if settings.redis.shards != 1 or not load.begin():
        raise Failed("only a single shard that is empty can be filled")
    for rank in range(users):
        load.put(user_id(rank), 1)
        if rank % 10_000 == 0:
            filled(min(10_000, users - rank))
    load.push()
    load.finish({})
    connection.close()


def used_mb(url: str) -> float:
    """What Redis has allocated for its data, in units of 1,000,000 bytes."""
    return int(_info(url, "memory")["used_memory"]) / 1e6


def rewrite_log(url: str) -> None:
    """Have Redis write its append-only log anew and wait for it: it would otherwise do so in the middle of a run."""
    with closing(redis.Redis.from_url(url)) as client:
        client.bgrewriteaof()
    time.sleep(0.2)
    until("Redis has rewritten its log", lambda: not _info(url, "persistence")["aof_rewrite_in_progress"], 300)


def _info(url: str, section: str) -> dict[str, Any]:
    with closing(redis.Redis.from_url(url)) as client:
        found: dict[str, Any] = client.info(section)
        return found
