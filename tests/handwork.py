"""A pool by hand: all that workers and a flusher leave behind, and whatever a test does wrong in it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import ConsumerGroupTopicPartitions, Message, Producer, TopicPartition

from processor.counts.connection import connect
from processor.counts.loading import Loading
from processor.counts.store import Applied, CountStore, Move
from processor.kafka.cluster import Cluster, lineage
from processor.kafka.dead_letters import dead_letter
from processor.kafka.offsets import Checkpoint, Committed, bounds, committed
from processor.kafka.reader import read
from processor.logins.batch import Batch, parts
from processor.logins.count import shard_of, tally
from processor.logins.decode import Decoder
from processor.logins.headers import Headers
from processor.logins.judge import OVERHEAD_BYTES, Judge
from processor.logins.privacy import redaction
from processor.logins.records import Rejected
from processor.patience import persist
from processor.settings import Settings
from tests.pool import eventually

NOW = 1_700_000_000_000


@dataclass
class Written:
    """A record that is to be written."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None


Sabotage = Callable[[list[Written]], object]


def nothing(_written: list[Written]) -> None:
    """All is done right."""


def login(user: str, detail: int) -> bytes:
    return json.dumps({"user_id": user, "device_id": f"device-{detail}", "timestamp": 1694479551}).encode()


class Handwork:
    """One pool of which the test does every step itself."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.topics = settings.topics
        self.cluster = Cluster(settings)
        eventually("the topics are known", self._known)
        self.lineage = lineage(settings, self.cluster)
        self.redis = connect(settings.redis, "test")
        self.store = CountStore(self.redis, settings.redis, self.lineage)
        self.fed = 0
        self.producer = Producer({**settings.kafka.client, "partitioner": "murmur2_random", "linger.ms": 5})
        limit = settings.output_max_bytes - OVERHEAD_BYTES
        self._redaction = redaction(settings.privacy.ip, settings.privacy.ip_key)
        self._judge = Judge(Decoder(settings.worker.unknown_fields), limit, lambda: NOW, self._redaction)

    def _known(self) -> bool:
        try:
            names = (self.topics.input, self.topics.processed, self.topics.aggregations, self.topics.dead_letters)
            return all(bounds(self.cluster, name) for name in names)
        except Exception:  # a topic that was just made is not known everywhere at once
            return False

    def begin(self) -> None:
        """An empty Redis becomes this pool's."""
        loading = Loading(self.redis, self.settings.redis, self.lineage)
        for shard in range(self.settings.redis.shards):
            assert loading.begin(shard, "first")
            assert loading.finish(shard, "first", 0, 0, {})

    def feed(self, logins: int = 40, malformed: int = 4, users: int = 5) -> None:
        """Logins of a few users and some records that are none, over all partitions."""
        partitions = self.cluster.partitions(self.topics.input)
        values = [login(f"user-{n % users}", self.fed + n) for n in range(logins)]
        values += [b"{%d" % n for n in range(malformed)]
        for at, value in enumerate(values):
            self.send(self.topics.input, Written(at % partitions, b"k%d" % (at % 3) if at % 2 else None, value))
        self.fed += logins
        self.flush()

    def send(self, topic: str, one: Written) -> None:
        self.producer.produce(topic, one.value, one.key, one.partition, headers=one.headers)

    def flush(self) -> None:
        assert self.producer.flush(30) == 0

    def work(self, outputs: Sabotage = nothing, letters: Sabotage = nothing) -> None:
        """Process, commit and count all that was fed since, but for what the test does wrong."""
        starts, ends = self.committed(), self.ends(self.topics.input)
        batches = self.batches(starts, ends)
        written = [one for batch in batches for one in processed(batch)]
        dead = [one for batch in batches for one in self._letters(batch)]
        outputs(written)
        letters(dead)
        for topic, records in ((self.topics.processed, written), (self.topics.dead_letters, dead)):
            for one in records:
                self.send(topic, one)
        self.flush()
        self.commit(ends)
        self.count(ends, [user for batch in batches for user in batch.user_ids()])

    def batches(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> list[Batch]:
        """What the log has between these offsets, judged."""
        records: list[Message] = [one for some in read(self.settings, self.topics.input, starts, ends) for one in some]
        return [self._judge.judge(part) for part in parts(records, {p: starts.get(p, 0) for p in ends})]

    def _letters(self, batch: Batch) -> list[Written]:
        limit, partitions = self.settings.output_max_bytes, self.cluster.partitions(self.topics.dead_letters)
        made = [
            dead_letter(self.topics.input, record, why, limit, self._redaction)
            for record, why in zip(batch.part.records, batch.users, strict=True)
            if isinstance(why, Rejected)
        ]
        return [Written(batch.part.partition % partitions, one.key, one.value, one.headers) for one in made]

    def committed(self) -> dict[int, int]:
        return {p: at.offset for p, at in self._committed().items()}

    def _committed(self) -> dict[int, Committed]:
        return persist(lambda: committed(self.cluster, self.settings.group, self.topics.input))

    def ends(self, topic: str) -> dict[int, int]:
        return {p: high for p, (_, high) in bounds(self.cluster, topic).items()}

    def commit(self, ends: Mapping[int, int]) -> None:
        """The group's offsets, with the origin 0 unless another one was committed before."""
        before = self._committed()
        notes = {p: before[p].metadata if p in before else "0" for p in ends}
        self._commit(
            self.settings.group, [TopicPartition(self.topics.input, p, at, notes[p]) for p, at in ends.items()]
        )

    def _commit(self, group: str, offsets: list[TopicPartition]) -> None:
        asked = self.cluster.client.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, offsets)])
        for answer in asked.values():
            assert not any(at.error for at in answer.result(60).topic_partitions)

    def count(self, ends: Mapping[int, int], users: Sequence[str]) -> None:
        for shard, cursors in enumerate(self.store.cursors()):
            moves = [Move(p, cursors.get(p), end) for p, end in ends.items()]
            assert self.store.apply(shard, moves, tally(users, self.settings.redis.shards)[shard]) == Applied()

    def publish(self, counts: Callable[[dict[str, int]], object] = lambda _counts: None) -> None:
        """Every user's count of Redis, and the checkpoint."""
        users = self.counted()
        counts(users)
        for user, logins in users.items():
            value = json.dumps({"user_id": user, "login_count": logins}).encode()
            self.send(self.topics.aggregations, Written(-1, user.encode(), value))
        self.flush()
        self.checkpoint(Checkpoint(self.store.cursors()))

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        offsets = checkpoint.offsets().items()
        made = [TopicPartition(self.topics.input, p, at.offset, at.metadata) for p, at in offsets]
        self._commit(self.settings.aggregations_group, made)

    def counted(self) -> dict[str, int]:
        found = {}
        for shard in range(self.settings.redis.shards):
            key = f"{{{self.settings.redis.prefix}:{shard}}}:counts"
            found |= {str(user, "utf-8"): int(n) for user, n in self.redis.call("looking", "HGETALL", key).items()}
        return found

    def miscount(self, user: str, by: int) -> None:
        shard = shard_of(user, self.settings.redis.shards)
        self.redis.call("sabotage", "HINCRBY", f"{{{self.settings.redis.prefix}:{shard}}}:counts", user, by)

    def delete_before(self, topic: str, offsets: Mapping[int, int]) -> None:
        """As retention does."""
        asked = self.cluster.client.delete_records([TopicPartition(topic, p, at) for p, at in offsets.items()])
        for answer in asked.values():
            answer.result(60)
        eventually("it is deleted", lambda: all(bounds(self.cluster, topic)[p][0] >= at for p, at in offsets.items()))


def processed(batch: Batch) -> list[Written]:
    headers = batch.headers or [None] * len(batch.values)
    rows = zip(batch.keys, batch.values, headers, strict=True)
    return [Written(batch.part.partition, key, value, held) for key, value, held in rows if value is not None]
