"""What one size needs: plain arithmetic over unit costs."""

import math
from dataclasses import dataclass

from benchmarks.scale.costs import Costs

MOST_SHARDS = 128
LONGEST_FLUSH = 900.0  # seconds: the flusher's transaction.timeout.ms, the broker's maximum


@dataclass(frozen=True)
class Assumed:
    """What no benchmark here can tell; each is an option of the command."""

    load: float = 0.5  # of a core, at the peak
    replicas: int = 3  # each costs a broker as much as the first: an upper bound
    shard_gb: float = 8.0
    flush_interval: float = 10.0  # seconds
    core_month: float = 30.0
    gb_month: float = 4.0


@dataclass(frozen=True)
class Needed:
    """Cores, processes and money for one size; `flush` is how long a flush lasts once it has settled, in seconds."""

    workers: int
    shards: int
    redis_gb: float
    broker_cores: int
    money: float
    flink_cores: int
    flink_money: float
    flush: float
    bends: tuple[str, ...]


def needed(rate: int, users: int, costs: Costs, assumed: Assumed) -> Needed:
    """Return what so many logins a second of so many users need. A worker is one core and one partition."""

    def cores(microseconds: float) -> int:
        return max(1, math.ceil(rate * microseconds / 1e6 / assumed.load))

    workers, brokers = cores(costs.worker), cores(costs.broker * assumed.replicas)
    flink, flink_brokers = cores(costs.flink), cores(costs.flink_broker * assumed.replicas)
    gb = users * costs.user_bytes / 1e9
    shards = max(cores(costs.redis_at(users)), math.ceil(gb / assumed.shard_gb))
    flush = settled_flush(rate, users, costs.flush, assumed.flush_interval)
    return Needed(
        workers=workers,
        shards=shards,
        redis_gb=gb,
        broker_cores=brokers,
        money=(workers + shards + brokers) * assumed.core_month + gb * assumed.gb_month,
        flink_cores=flink,
        flink_money=(flink + flink_brokers) * assumed.core_month,
        flush=flush,
        bends=tuple(_bends(shards, flush, assumed)),
    )


def changed(rate: float, users: float, seconds: float) -> float:
    """Return how many different users log in within `seconds`, all being alike: the most there can be."""
    return users * -math.expm1(-rate * seconds / users)


def settled_flush(rate: float, users: float, flush: float, interval: float) -> float:
    """Return the length of a flush once it repeats itself: one longer than the interval finds more changed users."""
    lasts = 0.0
    for _ in range(1000):
        before, lasts = lasts, changed(rate, users, max(interval, lasts)) * flush / 1e6
        if abs(lasts - before) < 1e-6 * lasts:
            break
    return lasts


def _bends(shards: int, flush: float, assumed: Assumed) -> list[str]:
    bends = []
    if shards > MOST_SHARDS:
        bends.append(f"{shards} shards, {MOST_SHARDS} at most")
    if flush > LONGEST_FLUSH:
        bends.append(f"a flush outlasts its transaction ({LONGEST_FLUSH:.0f} s)")
    elif flush > assumed.flush_interval:
        bends.append("flushes outlast their interval")
    return bends
