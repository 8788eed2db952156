"""Asks Kafka and Redis for the facts, again and again, and knows what moved meanwhile."""

from collections import deque
from time import monotonic, sleep

from processor.counts.connection import Connection, check_policy, connect
from processor.counts.hosts import Hosts
from processor.counts.lease import holder
from processor.counts.reading import Reading
from processor.counts.stopped import Notices
from processor.errors import Refused, Unavailable
from processor.kafka import glance, members
from processor.kafka.cluster import Cluster, lineage
from processor.kafka.offsets import bounds, shards_in
from processor.settings import Settings
from processor.status.facts import KafkaFacts, Look, RedisFacts
from processor.status.health import Health, Problem, health, problems
from processor.status.picture import Picture, picture, still, uncounted

PATIENCE_SECONDS = 3.0  # a transaction may take a second; what stands still for longer is worth a word
_WINDOW_SECONDS = 5.0  # rates are over so long at most
_APART_SECONDS = 1.0  # two looks tell the rate
_LOOKS_AT_MOST = 6
_ADDED_UP_AT_MOST = 100_000  # users: a tenth of a second


def from_kafka(settings: Settings, cluster: Cluster) -> KafkaFacts:
    """What Kafka knows; positions before ends, so that none lies beyond its end."""
    topics, missing = settings.topics, cluster.missing()
    if topics.input in missing:
        return KafkaFacts(missing)
    partitions = range(cluster.partitions(topics.input))
    published = glance.last_committed(settings, settings.aggregations_group, partitions)
    committed = glance.last_committed(settings, settings.group, partitions)
    there = topics.dead_letters not in missing
    return KafkaFacts(
        missing=missing,
        lineage=lineage(settings, cluster),
        group=members.group(settings),
        committed=committed,
        checkpoint={partition: at.offset for partition, at in published.items()},
        checkpoint_shards=max((shards_in(at.metadata) for at in published.values()), default=0) or None,
        bounds=bounds(cluster, topics.input),
        dead_letters=glance.dead_letters(settings, cluster) if there else None,
    )


def from_redis(settings: Settings, connection: Connection) -> RedisFacts:
    """What Redis knows."""
    reading = Reading(connection, settings.redis)
    shards = reading.shard_states()
    logins = [
        sum(dict(user for batch in reading.counts(state.shard) for user in batch).values())
        if state.users <= _ADDED_UP_AT_MOST
        else None
        for state in shards
    ]
    try:
        check_policy(connection)
        refusal = ""
    except Refused as problem:
        refusal = str(problem)
    stopped = Notices(connection, settings.redis.prefix).read()
    notices = [notice for _, notice in sorted(stopped.items()) if notice is not None]
    heard = Hosts(connection, settings.redis.prefix).heard()
    return RedisFacts(shards, logins, holder(connection, settings.redis.prefix), refusal, notices, heard)


class Observer:
    """Looks at a pool from time to time; after each `look` knows its picture, problems and health."""

    def __init__(self, settings: Settings) -> None:
        self.picture = Picture()
        self.problems: list[Problem] = []
        self.health = Health.HEALTHY
        self.unsure = False  # something stands still, but not for long yet: look again
        self._settings = settings
        self._cluster = Cluster(settings)
        self._redis = connect(settings.redis, "data-processor-status")
        self._looks: deque[Look] = deque()

    def settle(self) -> None:
        """Look twice; what stands still gets a few seconds to move on before anything is said about it."""
        for look in range(_LOOKS_AT_MOST):
            began = monotonic()
            self.look()
            if self.health is Health.UNREACHABLE or (look > 0 and not self.unsure):
                return
            sleep(max(0.0, _APART_SECONDS - (monotonic() - began)))

    def look(self) -> None:
        """Ask both systems; one that does not answer is part of the picture."""
        now = self._ask()
        self._looks.append(now)
        while now.at - self._looks[0].at > _WINDOW_SECONDS and len(self._looks) > 2:
            self._looks.popleft()
        before = self._looks[0]
        self.picture = picture(before if before is not now else None, now)
        standing, waiting = self._with_logins_ahead(still(before, now)), uncounted(before, now)
        patient = now.at - before.at >= PATIENCE_SECONDS
        self.unsure = bool(standing or waiting) and not patient
        self.problems = problems(self._settings, now, *((standing, waiting) if patient else ()))
        self.health = health(now, self.problems)

    def _with_logins_ahead(self, at_rest: dict[int, int]) -> set[int]:
        """Those that have something to take; ahead of the others lie transaction markers only."""
        try:
            return glance.waiting(self._settings, at_rest) if at_rest else set()
        except Unavailable:
            return set()  # the next look says so

    def _ask(self) -> Look:
        redis: RedisFacts | str
        kafka: KafkaFacts | str
        try:
            redis = from_redis(self._settings, self._redis)
        except Unavailable as problem:
            redis = str(problem)
        try:
            kafka = from_kafka(self._settings, self._cluster)
        except Unavailable as problem:
            kafka = f"{problem} (brokers: {self._settings.kafka.client.get('bootstrap.servers')})"
        return Look(monotonic(), redis, kafka)
