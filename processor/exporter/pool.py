"""The pool as Kafka and Redis have it: each partition's positions and lags, the shards, the leader."""

from collections.abc import Sequence
from time import time

from msgspec import Struct

from processor import proc
from processor.counts.connection import connect
from processor.counts.lease import holder
from processor.counts.reading import Reading, ShardState
from processor.counts.stopped import Notices
from processor.errors import Denied
from processor.exporter.arrivals import Arrivals, update
from processor.kafka.denied import explained
from processor.kafka.lookout import Lookout, Standing
from processor.settings import Settings
from processor.supervision.supervisor import Process, Supervisor


class Place(Struct, frozen=True):
    """One of a partition's positions, and for how long its next login has been waiting (seconds; None: unknown)."""

    offset: int
    lag_seconds: float | None


class Partition(Struct, frozen=True):
    """One partition of the input; a position that can't be known is missing."""

    start: int
    end: int
    places: dict[str, Place]


class KafkaView(Struct, frozen=True):
    """What Kafka says."""

    lineage: str
    letters: int
    partitions: dict[int, Partition]


class RedisView(Struct, frozen=True):
    """What Redis says."""

    shards: Sequence[ShardState]
    stopped: frozenset[int]
    lease_seconds: float


class Supervised(Struct, frozen=True):
    """A process as supervisor and the kernel see it; None: it is not there."""

    process: Process
    memory: int | None
    cpu: float | None
    files: int | None


class RedisEye:
    """Looks at Redis."""

    def __init__(self, settings: Settings) -> None:
        connection = connect(settings.redis, "data-processor-exporter")
        self._prefix = settings.redis.prefix
        self._reading = Reading(connection, settings.redis)
        self._notices = Notices(connection, self._prefix)
        self._connection = connection

    def look(self) -> RedisView:
        """Ask; raises Unavailable."""
        leader = holder(self._connection, self._prefix)
        return RedisView(
            self._reading.shard_states(), frozenset(self._notices.read()), leader[1] if leader is not None else 0.0
        )


class KafkaEye:
    """Looks at Kafka, and remembers how the logs grew."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lookout = Lookout(settings)
        self._logs: dict[int, Arrivals] = {}

    def look(self, redis: RedisView | None, asked: float) -> KafkaView:
        """Ask; Redis' latest answer, and when it was asked (s), tell what was counted. Raises Unavailable, Denied."""
        try:
            return self._look(redis, asked)
        except Denied as problem:
            raise explained(problem, self._settings, "observer") from problem

    def _look(self, redis: RedisView | None, asked: float) -> KafkaView:
        standing = self._lookout.look()
        shards = redis.shards if redis is not None else []
        places = {p: _positions(standing, shards, p) for p in standing.bounds}
        self._remember(standing, places)
        # What has come since Redis was asked was not waiting to be counted yet.
        seen = dict.fromkeys(("committed", "published"), time()) | {"counted": asked}
        partitions = {
            p: Partition(low, end, {of: Place(at, self._logs[p].lag(at, seen[of])) for of, at in places[p].items()})
            for p, (low, end) in standing.bounds.items()
        }
        return KafkaView(standing.lineage, standing.letters, partitions)

    def _remember(self, standing: Standing, places: dict[int, dict[str, int]]) -> None:
        update(self._logs, standing.bounds)
        for partition, (_, end) in standing.bounds.items():
            self._logs[partition].seen(end, places[partition].values(), time())
        unsure = {p: at for p, log in self._logs.items() if (at := log.unsure()) is not None}
        for partition, written in self._lookout.oldest(unsure).items():
            self._logs[partition].told(unsure[partition], written)


def _positions(standing: Standing, shards: Sequence[ShardState], partition: int) -> dict[str, int]:
    """A missing offset or cursor stands at the log's first offset; cursors of another lineage stand nowhere."""
    low = standing.bounds[partition][0]
    found = {"committed": standing.committed.get(partition, low), "published": standing.published.get(partition, low)}
    if shards and all(shard.lineage == standing.lineage for shard in shards):
        found["counted"] = min(shard.cursors.get(partition, low) for shard in shards)
    return found


def supervised(supervisor: Supervisor) -> list[Supervised]:
    """What supervisor runs on this VM; raises Unavailable."""
    return [_supervised(process) for process in supervisor.processes()]


def _supervised(process: Process) -> Supervised:
    pid = process.pid
    if not pid:
        return Supervised(process, None, None, None)
    return Supervised(process, proc.resident_bytes(pid), proc.cpu_seconds(pid), proc.open_files(pid))
