"""How far a consumer group has come."""

from confluent_kafka import Consumer, KafkaException, TopicPartition

from benchmarks.rig.waiting import until
from processor.kafka.quiet import QUIET


class Positions:
    """The committed offsets of a group that this process is no member of; each look is one request."""

    def __init__(self, bootstrap: str, group: str, topic: str) -> None:
        # read_uncommitted: an offset of a transaction that is being committed is not waited for.
        own = {"group.id": group, "isolation.level": "read_uncommitted", "enable.auto.commit": False, "logger": QUIET}
        self._consumer = Consumer({"bootstrap.servers": bootstrap, **own})
        self._group = group
        found = until(f"{topic} is known", lambda: self._consumer.list_topics(topic, 10).topics[topic].partitions)
        self._wanted = [TopicPartition(topic, partition) for partition in found]

    def committed(self) -> dict[int, int]:
        """Each partition's committed offset; 0 where there is none, or the coordinator is not ready."""
        wanted = [TopicPartition(at.topic, at.partition) for at in self._wanted]
        try:
            found = self._consumer.committed(wanted, 10)
        except KafkaException:
            return {at.partition: 0 for at in wanted}
        return {at.partition: max(at.offset, 0) for at in found}

    def wait(self, total: int, seconds: float = 600.0) -> None:
        """Wait until the offsets add up to `total`: without compaction or transactions in between, so many records."""
        until(f"group {self._group} has committed {total:,}", lambda: self.sum() >= total, seconds)

    def sum(self) -> int:
        """All of them added."""
        return sum(self.committed().values())

    def close(self) -> None:
        """Let the connection go."""
        self._consumer.close()
