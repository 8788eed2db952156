"""From where on the outputs belong to this pool: a reset keeps the older ones, and notes where they end.

The notes are committed offsets of a group of their own on the output topics, written in the reset's transaction. Kafka
forgets offsets of a group without members after `offsets.retention.minutes` (seven days), so a clean audit writes them
again. Forgotten, outputs that were made again look as if they had been made twice.
"""

from confluent_kafka import Consumer, TopicPartition
from msgspec import Struct

from processor.kafka.client import consumer_properties, translated
from processor.kafka.cluster import Cluster
from processor.kafka.offsets import committed
from processor.settings import Settings


class Beginnings(Struct, frozen=True):
    """The outputs' first offsets that count, by partition; a partition that is not named counts from 0."""

    reset: str = ""  # when, in UTC; empty: never, or nobody remembers
    processed: dict[int, int] = {}
    dead_letters: dict[int, int] = {}

    def offsets(self, settings: Settings) -> list[TopicPartition]:
        """What is committed: the offsets, with the time of the reset as metadata."""
        topics = settings.topics
        each = ((topics.processed, self.processed), (topics.dead_letters, self.dead_letters))
        return [TopicPartition(topic, p, at, self.reset) for topic, starts in each for p, at in starts.items()]


def beginnings(settings: Settings, cluster: Cluster) -> Beginnings:
    """Read the notes; empty where there was no reset."""
    topics, group = settings.topics, settings.outputs_group
    processed, letters = (committed(cluster, group, topic) for topic in (topics.processed, topics.dead_letters))
    reset = max((at.metadata for at in (*processed.values(), *letters.values())), default="")
    return Beginnings(reset, *({p: at.offset for p, at in each.items()} for each in (processed, letters)))


def refresh(settings: Settings, cluster: Cluster, known: Beginnings) -> None:
    """Write the notes again before Kafka forgets them, unless a reset has made others meanwhile."""
    if not known.reset or beginnings(settings, cluster).reset not in {"", known.reset}:
        return
    with translated(f"refreshing the offsets of group {settings.outputs_group}"):
        consumer = Consumer(consumer_properties(settings, "data-processor-audit", settings.outputs_group))
        try:
            consumer.commit(offsets=known.offsets(settings), asynchronous=False)
        finally:
            consumer.close()
