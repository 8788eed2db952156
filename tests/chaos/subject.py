"""Which pool is judged: the names of its topics and groups, where its counts are, and how far it is."""

from dataclasses import dataclass
from typing import Any

from processor.settings import KafkaProperties
from tests.chaos.evidence import TOPICS, Offsets
from tests.chaos.live import Live


@dataclass(frozen=True)
class Subject:
    """One pool; `redis_url` leads straight to the server that is the primary now."""

    kafka: KafkaProperties  # what every client of the harness has: where the brokers are, and who comes
    input: str
    processed: str
    aggregations: str
    dead_letters: str
    group: str
    aggregations_group: str
    redis_url: str
    prefix: str
    shards: int = 1

    @classmethod
    def of(cls, settings: Any, kafka: KafkaProperties | None = None, redis_url: str = "") -> "Subject":
        """Take the names from a pool's settings; as another client than the pool's own, where given."""
        topics = settings.topics
        return cls(
            kafka or settings.kafka.client,
            topics.input,
            topics.processed,
            topics.aggregations,
            topics.dead_letters,
            settings.group,
            f"{settings.group}-aggregations",
            redis_url or settings.redis.url,
            settings.redis.prefix,
            settings.redis.shards,
        )


def ends(subject: Subject, topic: str) -> Offsets:
    """Each partition's end, the high watermark, of one of the four topics."""
    kind = next(kind for kind in TOPICS if getattr(subject, kind) == topic)
    return {p: end for p, (_, end) in Live(subject).bounds(kind).items()}


def cursors(subject: Subject) -> list[Offsets]:
    """For each shard, up to where each partition is counted."""
    return Live(subject).cursors()
