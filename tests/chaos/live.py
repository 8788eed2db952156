"""The evidence as it is in Kafka and Redis, asked for until they answer: a judge comes when the faults are over."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import redis
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from tests.chaos.evidence import Offsets, Topic

if TYPE_CHECKING:
    from tests.chaos.subject import Subject

REQUEST_SECONDS = 10.0
PATIENCE_SECONDS = 300.0
BATCH = 5_000
UNCOMMITTED = "read_uncommitted"

T = TypeVar("T")


class Live:
    """A running pool's Kafka and Redis; TimeoutError when they do not answer for five minutes."""

    def __init__(self, subject: "Subject") -> None:
        self.input_name = subject.input
        self.shards = subject.shards
        self._subject = subject

    def records(self, topic: Topic) -> Iterator[Message]:
        """Read all that there is now, as a read_committed reader sees it."""
        waiting = {p: end for p, end in self.stable(topic).items() if end > 0}
        until = dict(waiting)
        with self._consumer(**{"auto.offset.reset": "earliest"}) as reader:
            reader.assign([TopicPartition(self._name(topic), p, 0) for p in waiting])
            deadline = time.monotonic() + PATIENCE_SECONDS
            while waiting:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self._name(topic)} can't be read to its ends {waiting}")
                for message in reader.consume(BATCH, 0.2):
                    partition, offset = message.partition(), message.offset()
                    if partition is None or offset is None:
                        continue  # an error of no partition: the client goes on by itself
                    if message.error() is None:
                        deadline = time.monotonic() + PATIENCE_SECONDS
                        if offset < until[partition]:
                            yield message
                    elif offset >= waiting.get(partition, 0):
                        waiting.pop(partition, None)

    def bounds(self, topic: Topic) -> dict[int, tuple[int, int]]:
        """Tell each partition's first offset and its end, the high watermark."""
        return _persist(f"the ends of {self._name(topic)}", lambda: self._bounds(topic, UNCOMMITTED))

    def stable(self, topic: Topic) -> Offsets:
        """Tell each partition's last stable offset."""
        found = _persist(f"the ends of {self._name(topic)}", lambda: self._bounds(topic, "read_committed"))
        return {p: end for p, (_, end) in found.items()}

    def committed(self) -> Offsets:
        """Tell the group's stable committed offsets."""
        return {p: at for p, (at, _) in self._committed(self._subject.group).items()}

    def checkpoints(self) -> list[Offsets]:
        """Tell for each shard up to where its counts are published."""
        said = {
            p: json.loads(each or "[]") for p, (_, each) in self._committed(self._subject.aggregations_group).items()
        }
        return [
            {p: at for p, each in said.items() if s < len(each) and (at := each[s]) is not None}
            for s in range(self.shards)
        ]

    def cursors(self) -> list[Offsets]:
        """Tell for each shard up to where it has counted."""
        return [{int(p): int(at) for p, at in held.items() if p.isdecimal()} for held in self._hashes("cursors")]

    def counts(self) -> list[dict[str, int]]:
        """Tell what each shard has counted."""
        return [{user: int(count) for user, count in held.items()} for held in self._hashes("counts")]

    def _name(self, topic: Topic) -> str:
        return str(getattr(self._subject, topic))

    def _bounds(self, topic: Topic, isolation: str) -> dict[int, tuple[int, int]]:
        name = self._name(topic)
        with self._consumer(**{"isolation.level": isolation}) as asked:
            return {
                p: asked.get_watermark_offsets(TopicPartition(name, p), REQUEST_SECONDS) for p in _known(asked, name)
            }

    def _committed(self, group: str) -> dict[int, tuple[int, str]]:
        return _persist(f"the committed offsets of {group}", lambda: self._committed_now(group))

    def _committed_now(self, group: str) -> dict[int, tuple[int, str]]:
        name = self.input_name
        with self._consumer(group) as asked:
            # One by one: asked for all, a broker leaves out those whose very first commit is not carried out yet.
            found = [asked.committed([TopicPartition(name, p)], REQUEST_SECONDS)[0] for p in _known(asked, name)]
        for at in found:
            if at.error is not None:
                raise KafkaException(at.error)
        return {at.partition: (at.offset, at.metadata or "") for at in found if at.offset >= 0}

    def _hashes(self, name: str) -> list[dict[str, str]]:
        return _persist(f"the {name} in Redis", lambda: self._hashes_now(name))

    def _hashes_now(self, name: str) -> list[dict[str, str]]:
        subject = self._subject
        with closing(redis.Redis.from_url(subject.redis_url, decode_responses=True, socket_timeout=60)) as client:
            return [_hash(client, f"{{{subject.prefix}:{s}}}:{name}") for s in range(subject.shards)]

    @contextmanager
    def _consumer(self, group: str = "chaos-oracle", **properties: Any) -> Iterator[Consumer]:
        own = {
            **self._subject.kafka,
            "group.id": group,  # never joined
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "queued.max.messages.kbytes": 65_536,
            "reconnect.backoff.max.ms": 1000,
            "log_level": 3,
        }
        with closing(Consumer(own | properties)) as made:
            yield made


def _hash(client: Any, name: str) -> dict[str, str]:
    return dict(client.hgetall(name))


def _known(asked: Consumer, topic: str) -> list[int]:
    """A topic's partitions; KafkaException while they are not known."""
    found = asked.list_topics(topic, REQUEST_SECONDS).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    return sorted(found.partitions)


def _persist(what: str, ask: Callable[[], T]) -> T:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except (KafkaException, redis.RedisError) as problem:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {PATIENCE_SECONDS:.0f} s: {problem}") from problem
            time.sleep(0.2)
