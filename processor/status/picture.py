"""What the facts mean: a row a partition, a row a shard, and what moved between two looks."""

from collections.abc import Sequence

from msgspec import Struct

from processor.counts.reading import ShardState
from processor.counts.stopped import Notice
from processor.kafka.glance import Letters
from processor.kafka.members import Member
from processor.logins.cursors import Positions
from processor.status.facts import KafkaFacts, Look, RedisFacts
from processor.status.hosts import hosts
from processor.status.rows import Flusher, Host, Lineage, Partition, Shard


class Picture(Struct, frozen=True):
    """All that `status` shows, but for what is wrong."""

    hosts: Sequence[Host] = ()
    partitions: Sequence[Partition] = ()
    shards: Sequence[Shard] = ()
    flusher: Flusher | None = None
    workers: int = 0
    spare_workers: int = 0  # without a partition
    dead_letters: Letters | None = None
    stopped: Sequence[Notice] = ()  # by the breaker

    @property
    def rate(self) -> float:
        """Logins a second, of all partitions."""
        return sum(row.rate or 0.0 for row in self.partitions)

    @property
    def lag(self) -> int:
        """Records that are not processed yet."""
        return sum(row.committed_lag for row in self.partitions)


def picture(before: Look | None, now: Look) -> Picture:
    """Everything that is known now; rates where the earlier look knew the positions too."""
    kafka = now.kafka if isinstance(now.kafka, KafkaFacts) else KafkaFacts(missing=[])
    redis = now.redis if isinstance(now.redis, RedisFacts) else None
    members = kafka.group.members
    partitions = [_partition(p, before, now, kafka, redis) for p in sorted(kafka.bounds)]
    return Picture(
        hosts=hosts(members, partitions, redis),
        partitions=partitions,
        shards=[_shard(s, n, kafka.lineage) for s, n in zip(redis.shards, redis.logins, strict=True)] if redis else [],
        flusher=Flusher(*redis.leader) if redis and redis.leader else None,
        workers=len(members),
        spare_workers=sum(not member.partitions for member in members),
        dead_letters=kafka.dead_letters,
        stopped=redis.stopped if redis else (),
    )


def still(before: Look, now: Look) -> dict[int, int]:
    """The partitions with an owner that were behind at the first look and have not moved since, with where they stand.

    That may be harmless: transaction markers alone may lie ahead of them.
    """
    if not isinstance(before.kafka, KafkaFacts) or not isinstance(now.kafka, KafkaFacts):
        return {}
    owned = owners(now.kafka.group.members).keys()
    positions = {p: _committed(before.kafka, p) for p in owned & before.kafka.bounds.keys()}
    return {p: at for p, at in positions.items() if at < before.kafka.bounds[p][1] and at == _committed(now.kafka, p)}


def uncounted(before: Look, now: Look) -> list[int]:
    """The partitions whose counts were behind the committed offset at the first look and have not moved since."""
    facts = before.kafka, before.redis, now.kafka, now.redis
    match facts:
        case KafkaFacts() as kafka, RedisFacts() as redis, KafkaFacts() as later, RedisFacts() as later_redis:
            known = sorted(kafka.bounds.keys() & later.bounds.keys())
            was = {p: _counted(redis.shards, kafka, p) for p in known}
            return [
                p
                for p, at in was.items()
                if at is not None and at < _committed(kafka, p) and at == _counted(later_redis.shards, later, p)
            ]
        case _:
            return []


def positions(kafka: KafkaFacts, redis: RedisFacts | None, partition: int) -> Positions:
    """What a worker would find that starts this partition now."""
    committed = kafka.committed.get(partition)
    low, high = kafka.bounds[partition]
    cursors = [s.cursors.get(partition) for s in redis.shards if s.lineage == kafka.lineage] if redis else []
    origin = int(committed.metadata) if committed and committed.metadata.isdigit() else None
    return Positions(partition, committed.offset if committed else None, origin, cursors, low, high)


def owners(members: Sequence[Member]) -> dict[int, Member]:
    """Who has each partition."""
    return {partition: member for member in members for partition in member.partitions}


def _partition(
    partition: int, before: Look | None, now: Look, kafka: KafkaFacts, redis: RedisFacts | None
) -> Partition:
    low, end = kafka.bounds[partition]
    owner = owners(kafka.group.members).get(partition)
    counted = _counted(redis.shards, kafka, partition) if redis else None
    return Partition(
        partition=partition,
        host=owner.host if owner else None,
        slot=owner.slot if owner else None,
        end=end,
        committed_lag=max(0, end - _committed(kafka, partition)),
        counted_lag=None if counted is None else max(0, end - counted),
        published_lag=max(0, end - kafka.checkpoint.get(partition, low)),
        rate=_rate(before, now, partition),
    )


def _rate(before: Look | None, now: Look, partition: int) -> float | None:
    if before is None or not isinstance(before.kafka, KafkaFacts) or not isinstance(now.kafka, KafkaFacts):
        return None
    if partition not in before.kafka.bounds or now.at <= before.at:
        return None
    return max(0, _committed(now.kafka, partition) - _committed(before.kafka, partition)) / (now.at - before.at)


def _committed(kafka: KafkaFacts, partition: int) -> int:
    committed = kafka.committed.get(partition)
    return committed.offset if committed else kafka.bounds[partition][0]


def _counted(shards: Sequence[ShardState], kafka: KafkaFacts, partition: int) -> int | None:
    """The least cursor; a missing one stands at the log's first offset, and a shard of another lineage nowhere."""
    if any(shard.lineage != kafka.lineage for shard in shards):
        return None
    return min(shard.cursors.get(partition, kafka.bounds[partition][0]) for shard in shards)


def _shard(state: ShardState, logins: int | None, lineage: str) -> Shard:
    return Shard(state.shard, _judged(state.lineage, lineage), state.users, logins, state.restoring)


def _judged(found: str | None, wanted: str) -> Lineage:
    if found is None:
        return "missing"
    if not wanted:
        return "unknown"
    return "ok" if found == wanted else "other"


def ranges(numbers: Sequence[int]) -> str:
    """Numbers in order as a person writes them: 0-3, 7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
