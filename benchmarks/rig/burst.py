"""A pool that is ready gets many logins at once and works at full speed until all are counted: what that took."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import NamedTuple

from msgspec import Struct

from benchmarks.rig import checks, cpu, memory
from benchmarks.rig.passed import cursors_of
from benchmarks.rig.pool import Pool
from benchmarks.rig.positions import Positions
from benchmarks.rig.redis_client import redis_client
from benchmarks.rig.servers import Servers
from benchmarks.rig.waiting import until
from processor.counts.keys import Keys
from processor.settings import Settings

_LONGEST_SECONDS = 900.0


class Cost(Struct, frozen=True):
    """What a burst took; CPU is that of the whole of it, start-up is in none of it."""

    rate: float  # logins a second, from the release until the last is committed
    microseconds: cpu.Seconds  # CPU a login of worker, flusher, redis and broker
    shares: cpu.Seconds  # of all cores' time: the same four, what others used, and what was idle
    idle_mb: float  # of the largest worker, before the burst
    peak_mb: float  # of the largest worker


def taken(where: Servers, settings: Settings, pool: Pool, release: Callable[[], None], logins: int) -> Cost:
    """Release the logins, wait until all are committed and counted, and return the account; raises Failed."""
    groups = pool.pids | where.pids
    idle = max(map(memory.resident_mb, pool.workers.values()))
    before, busy_before = cpu.snapshot(groups), cpu.machine_busy()
    seconds = _follow(where, settings, pool, release, logins)
    spent, busy = cpu.between(before, cpu.snapshot(groups)), cpu.machine_busy() - busy_before
    return Cost(
        logins / seconds.committed,
        {name: used / logins * 1e6 for name, used in spent.items()},
        shares(spent, busy, seconds.counted * cpu.cores()),
        idle,
        max(map(memory.peak_mb, pool.workers.values())),
    )


def check(settings: Settings, logins: int, releases: int = 1, counted_before: int = 0) -> None:
    """Raise Failed unless each partition has exactly as many processed records as logins, and Redis counted each.

    `logins` is how many there are in all `releases` into these topics; `counted_before` what Redis held before any.
    """
    bootstrap = str(settings.kafka.client["bootstrap.servers"])
    with closing(Positions(bootstrap, settings.group, settings.topics.input)) as positions:
        read = {partition: end - releases + 1 for partition, end in positions.committed().items()}
    processed = checks.count_committed(bootstrap, settings.topics.processed)
    checks.require("processed records of each partition", processed, read)
    checks.require("processed records", sum(processed.values()), logins)
    keys = [Keys(settings.redis.prefix, shard).counts for shard in range(settings.redis.shards)]
    sums = [checks.sum_hash(settings.redis, key)[1] for key in keys]
    checks.require("logins counted in Redis", sum(sums), logins + counted_before)


def settled(settings: Settings) -> None:
    """Wait until Redis has counted all that the group has committed."""
    bootstrap = str(settings.kafka.client["bootstrap.servers"])
    with (
        closing(Positions(bootstrap, settings.group, settings.topics.input)) as positions,
        redis_client(settings.redis) as client,
    ):
        until("all is counted", lambda: cursors_of(client, settings) == positions.committed())


def done(bases: Mapping[int, int], now: Mapping[int, int]) -> int:
    """How many logins lie between two positions: each earlier release left a marker behind its logins."""
    return sum(max(0, end - bases[p] - (bases[p] > 0)) for p, end in now.items())


def shares(spent: cpu.Seconds, busy: float, available: float) -> cpu.Seconds:
    """How the cores' time was divided, as fractions of 1."""
    others = max(0.0, busy - sum(spent.values()))
    divided = {name: used / available for name, used in spent.items()} | {"others": others / available}
    return divided | {"idle": max(0.0, 1.0 - sum(divided.values()))}


class _Seconds(NamedTuple):
    committed: float
    counted: float


def _follow(where: Servers, settings: Settings, pool: Pool, release: Callable[[], None], logins: int) -> _Seconds:
    """Release, and say after how long all were committed, and all counted."""
    with (
        closing(Positions(where.kafka.bootstrap, settings.group, settings.topics.input)) as positions,
        redis_client(settings.redis) as client,
    ):
        bases = positions.committed()
        began = time.monotonic()
        release()

        def after(now: Callable[[], dict[int, int]], what: str) -> float:
            def all_there() -> bool:
                pool.require_alive()
                return done(bases, now()) >= logins

            until(f"all {logins:,} logins are {what}", all_there, _LONGEST_SECONDS)
            return time.monotonic() - began

        return _Seconds(after(positions.committed, "committed"), after(lambda: cursors_of(client, settings), "counted"))
