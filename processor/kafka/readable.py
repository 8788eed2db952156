"""Up to where topics can be read while transactions are open over them."""

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import OffsetSpec

from processor.kafka.client import REQUEST_SECONDS, translated
from processor.kafka.cluster import Cluster


def readable_ends(cluster: Cluster, topic: str) -> dict[int, int]:
    """For each partition its end, or the first record of an open transaction."""
    latest = {TopicPartition(topic, p): OffsetSpec.latest() for p in range(cluster.partitions(topic))}
    with translated(f"reading the ends of {topic}"):
        found = cluster.client.list_offsets(
            latest, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=REQUEST_SECONDS
        )
        return {at.partition: answer.result().offset for at, answer in found.items()}
