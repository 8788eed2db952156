"""Where things stand: a log's ends, a group's committed offsets, and the checkpoint of user-aggregations."""

from collections.abc import Iterable, Mapping
from contextlib import closing

from confluent_kafka import Consumer, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec
from msgspec import DecodeError, Struct, json

from processor.errors import Refused
from processor.kafka.client import REQUEST_SECONDS, consumer_properties, is_final, translated
from processor.kafka.cluster import Cluster
from processor.settings import Settings

_HEARD = 10  # errors at most: each kind is told once
_STABLE_SECONDS = 5.0  # a commit is carried out in milliseconds; longer, and its worker is in trouble

Offsets = dict[int, int]


class Committed(Struct, frozen=True):
    """A group's committed offset of one partition, with what was written beside it."""

    offset: int
    metadata: str


def _list(cluster: Cluster, topic: str, partitions: int, spec: OffsetSpec) -> Offsets:
    wanted = {TopicPartition(topic, p): spec for p in range(partitions)}
    found = cluster.client.list_offsets(
        wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=REQUEST_SECONDS
    )
    return {at.partition: answer.result().offset for at, answer in found.items()}


def bounds(cluster: Cluster, topic: str) -> dict[int, tuple[int, int]]:
    """For each partition the log's first offset and its end (the high watermark)."""
    partitions = cluster.partitions(topic)
    with translated(f"reading the ends of {topic}"):
        low = _list(cluster, topic, partitions, OffsetSpec.earliest())
        high = _list(cluster, topic, partitions, OffsetSpec.latest())
    return {p: (low[p], high[p]) for p in low}


def committed(
    cluster: Cluster, group: str, topic: str, partitions: Iterable[int] | None = None
) -> dict[int, Committed]:
    """A group's stable committed offsets (KIP-447), each of its own moment; Unavailable while a transaction stays open.

    A consumer asks that never joins, not the admin client: that one crashes the process when the coordinator has moved
    (librdkafka#5040). And one partition at a time, by name: with many workers some transaction is open at any time, so
    all at once are hardly ever stable; and asked for all there are, the broker leaves out those whose very first
    offsets are not carried out yet, as if there were none.
    """
    wanted = range(cluster.partitions(topic)) if partitions is None else sorted(partitions)
    with translated(f"reading the committed offsets of group {group}"):
        with closing(Consumer(consumer_properties(cluster.settings, "data-processor-offsets", group))) as consumer:
            found = [asked(consumer, [TopicPartition(topic, p)], _STABLE_SECONDS)[0] for p in wanted]
        for at in found:
            if at.error is not None:  # it must not look like "none committed"
                raise KafkaException(at.error)
    return {at.partition: Committed(at.offset, at.metadata or "") for at in found if at.offset >= 0}


def asked(consumer: Consumer, wanted: list[TopicPartition], seconds: float) -> list[TopicPartition]:
    """Have a consumer ask for committed offsets; raises KafkaException, a denial in the place of a silence.

    Where its user has no right to the group, the client looks for the group's coordinator until its time is up, and
    says why on its queue only.
    """
    try:
        return consumer.committed(wanted, seconds)
    except KafkaException as problem:
        for message in consumer.consume(_HEARD, 0.0):
            error = message.error()
            if error is not None and is_final(error):
                raise KafkaException(error) from problem
        raise


class Reached(Struct, frozen=True):
    """What is written beside each offset of a checkpoint, a place a shard; a list alone where nobody was forgotten."""

    offsets: list[int | None]
    forgets: list[int]

    @classmethod
    def read(cls, metadata: str) -> "Reached":
        """Read it; raises DecodeError."""
        found = json.decode(metadata, type=list[int | None] | Reached)
        return found if isinstance(found, Reached) else cls(found, [0] * len(found))

    def written(self) -> str:
        """The metadata."""
        return json.encode(self if any(self.forgets) else self.offsets).decode()


class Checkpoint(Struct, frozen=True):
    """Up to where user-aggregations holds the counts: one map of partition to offset a shard.

    Beside them the number of the last forget that is published, for each shard; missing for nobody forgotten.
    """

    shards: list[Offsets]
    forgets: list[int] = []

    def forgotten(self, shard: int) -> int:
        """The number of a shard's last forget; 0 for none."""
        return self.forgets[shard] if self.forgets else 0

    def offsets(self) -> dict[int, Committed]:
        """What is committed for each partition: the least of the shards, with all of them as metadata."""
        partitions = sorted({p for cursors in self.shards for p in cursors})
        return {p: self._committed(p) for p in partitions}

    def _committed(self, partition: int) -> Committed:
        each = [cursors.get(partition) for cursors in self.shards]
        least = min((offset for offset in each if offset is not None), default=0)
        forgets = self.forgets or [0] * len(each)
        return Committed(0 if None in each else least, Reached(each, forgets).written())


def shards_in(metadata: str) -> int:
    """Of how many shards a checkpoint is, by what is written beside one of its offsets; 0 where it can't be read."""
    try:
        return len(Reached.read(metadata).offsets)
    except DecodeError:
        return 0


def checkpoint(settings: Settings, cluster: Cluster) -> Checkpoint:
    """The checkpoint as last committed; empty maps where there is none.

    Raises Refused when it can't be read: written by hand, or for another shard count than its own metadata says.
    """
    return checkpoint_in(settings, committed(cluster, settings.aggregations_group, settings.topics.input))


def checkpoint_in(settings: Settings, found: Mapping[int, Committed]) -> Checkpoint:
    """Read the checkpoint from the aggregations group's committed offsets; raises what `checkpoint` does."""
    each = {p: _parsed(settings, p, at) for p, at in found.items()}
    shards = max((len(at.offsets) for at in each.values()), default=settings.redis.shards)
    forgets = [max((at.forgets[s] for at in each.values() if s < len(at.forgets)), default=0) for s in range(shards)]
    return Checkpoint([_shard(each, s) for s in range(shards)], forgets if any(forgets) else [])


def _shard(each: dict[int, Reached], shard: int) -> Offsets:
    known = {p: at.offsets[shard] if shard < len(at.offsets) else None for p, at in each.items()}
    return {p: offset for p, offset in known.items() if offset is not None}


def _parsed(settings: Settings, partition: int, at: Committed) -> Reached:
    try:
        return Reached.read(at.metadata)
    except DecodeError as problem:
        raise Refused(
            f"Kafka: the committed offset of group {settings.aggregations_group}, partition {partition}, has no "
            "checkpoint in its metadata: it was not written by a flusher. Delete that group only together with the "
            "counts: `data-processor reset`"
        ) from problem
