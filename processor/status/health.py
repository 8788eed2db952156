"""Is it healthy, and if not, where? Each problem in a few words, and what a person can do about it."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from enum import Enum

from msgspec import Struct

from processor.counts.answers import moved
from processor.logins.cursors import Lost, start
from processor.settings import Settings
from processor.status.facts import KafkaFacts, Look, RedisFacts
from processor.status.picture import owners, positions, ranges


class Health(Enum):
    """The answer, from best to worst."""

    HEALTHY = "healthy"
    UNHEALTHY = "not healthy"
    UNREACHABLE = "unreachable"


class Problem(Struct, frozen=True):
    """One thing that is wrong: where, in a few words, and what to do."""

    what: str
    advice: str


def health(now: Look, found: Sequence[Problem]) -> Health:
    """The answer, from the problems that were found."""
    if isinstance(now.kafka, str) or isinstance(now.redis, str):
        return Health.UNREACHABLE
    return Health.UNHEALTHY if found else Health.HEALTHY


def problems(
    settings: Settings, now: Look, standing: Collection[int] = (), uncounted: Sequence[int] = ()
) -> list[Problem]:
    """Everything that is wrong now, the causes before their effects.

    `standing`: partitions with an owner that stood still for a while with records to take; `uncounted`: with logins
    that were not counted meanwhile.
    """
    found: list[Problem] = []
    kafka = now.kafka if isinstance(now.kafka, KafkaFacts) else None
    redis = now.redis if isinstance(now.redis, RedisFacts) else None
    found += [Problem("Kafka does not answer", str(now.kafka))] if kafka is None else _topics(kafka)
    found += [Problem("Redis does not answer", str(now.redis))] if redis is None else _redis(redis)
    if kafka is not None:
        found += [*_workers(settings, kafka), *_divided(settings, kafka), *_positions(settings, kafka, redis)]
    if redis is not None:
        found += [*_stopped(redis), *_shards(redis, kafka), *_flusher(redis)]
    if kafka is not None:
        stopped = {notice.stopped.partition for notice in redis.stopped} if redis else set()
        found += _still(kafka, set(standing) - stopped, uncounted)
    return found


def _topics(kafka: KafkaFacts) -> list[Problem]:
    names = ", ".join(kafka.missing)
    return [Problem(f"no topic {names}", "`data-processor topics create` makes what is missing")] if names else []


def _redis(redis: RedisFacts) -> list[Problem]:
    return [Problem("Redis may evict keys", redis.refusal)] if redis.refusal else []


def _workers(settings: Settings, kafka: KafkaFacts) -> Iterator[Problem]:
    group = kafka.group
    unowned = [p for p in sorted(kafka.bounds) if p not in owners(group.members)]
    if not unowned:
        return
    what = f"no owner: partition {ranges(unowned)}"
    if not group.members:
        yield Problem(what, f"no worker is in group {settings.group}: `supervisorctl -c supervisord.conf start all`")
    elif "rebalancing" in group.state:
        yield Problem(what, "the workers are dividing the partitions among them: look again in some seconds")
    else:
        yield Problem(
            what, f"group {settings.group} is {group.state}, {len(group.members)} workers in it: see their logs"
        )


def _divided(settings: Settings, kafka: KafkaFacts) -> Iterator[Problem]:
    if kafka.checkpoint_shards not in {None, settings.redis.shards}:
        yield Problem(
            f"published from {kafka.checkpoint_shards} shards",
            f"redis.shards is {settings.redis.shards}: if the counts were divided anew (`data-processor restore "
            "--shards`), set it and redis.prefix so on this host, too; else set it back",
        )


def _positions(settings: Settings, kafka: KafkaFacts, redis: RedisFacts | None) -> Iterator[Problem]:
    for partition in sorted(kafka.bounds):
        judged = start(positions(kafka, redis, partition), settings.worker.accept_gap)
        if isinstance(judged, Lost):
            yield Problem(f"position lost: partition {partition}", judged.message)


def _stopped(redis: RedisFacts) -> Iterator[Problem]:
    for notice in redis.stopped:
        why, since = notice.stopped, datetime.fromtimestamp(notice.since // 1000, UTC)
        go_on = f"then `data-processor resume {why.partition}`"
        if notice.go_on:
            go_on = f"it was told to go on, but {notice.worker} has not taken notice yet: see that worker's log"
        yield Problem(
            f"stopped: partition {why.partition}",
            f"{why.rejected:,} of {why.records:,} records in a row are malformed, most of them `{why.reason}`, since "
            f"{since:%Y-%m-%d %H:%M:%S} UTC, from offset {why.offset} on: see `data-processor dead-letters list "
            f"--partition {why.partition}`, mend what writes them, {go_on}",
        )


def _shards(redis: RedisFacts, kafka: KafkaFacts | None) -> Iterator[Problem]:
    for shard in redis.shards:
        if shard.lineage is None:
            loaded = "" if shard.restoring is None else f", {shard.restoring:,} users so far"
            yield Problem(
                f"shard {shard.shard} is not ready", f"it waits for the flusher's leader to restore it{loaded}"
            )
        elif moved(shard.lineage):
            yield Problem(f"shard {shard.shard} is somewhere else", f"its counts were {shard.lineage}: set both so")
        elif kafka is not None and kafka.lineage and shard.lineage != kafka.lineage:
            yield Problem(
                f"shard {shard.shard} is of another lineage",
                f"it counts for `{shard.lineage}`, this pool is `{kafka.lineage}`: `data-processor reset`, or another "
                "redis.prefix",
            )


def _flusher(redis: RedisFacts) -> Iterator[Problem]:
    if redis.leader is None:
        advice = "nothing is published or restored: see `supervisorctl -c supervisord.conf status flusher`, and its log"
        yield Problem("no flusher leads", advice)


def _still(kafka: KafkaFacts, standing: Collection[int], uncounted: Sequence[int]) -> Iterator[Problem]:
    by = owners(kafka.group.members)
    for partition in sorted(standing):
        owner = by[partition]
        name = owner.host if owner.slot is None else f"{owner.host}, worker-{owner.slot:02d}"
        yield Problem(f"standing still: partition {partition}", f"logins wait; the log of its owner says why ({name})")
    if uncounted:
        yield Problem(
            f"not counting: partition {ranges(uncounted)}",
            "logins are processed but not counted: the workers' logs say why",
        )
