"""The least that copies records exactly once with the Python client: a batch, one transaction, its offsets in it."""

from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from processor.kafka.quiet import QUIET

BATCH = 10_000
READING: dict[str, Any] = {
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    "queued.max.messages.kbytes": 32_768,
    "queued.min.messages": 20_000,
    "fetch.queue.backoff.ms": 10,
    "logger": QUIET,
}
WRITING: dict[str, Any] = {
    "compression.type": "lz4",
    "linger.ms": 5,
    "retry.backoff.ms": 10,
    "queue.buffering.max.messages": 200_000,
    "logger": QUIET,
}


def begin(bootstrap: str, group: str, topic: str, partitions: int) -> tuple[Consumer, Producer]:
    """Both clients, ready: all partitions are read from their beginning."""
    consumer = Consumer({**READING, "bootstrap.servers": bootstrap, "group.id": group})
    producer = Producer({**WRITING, "bootstrap.servers": bootstrap, "transactional.id": group})
    producer.init_transactions(30)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    return consumer, producer


def copy(consumer: Consumer, producer: Producer, topic: str, into: str) -> int:
    """Copy what has come from one topic to another, each record to its partition number; how many records that was."""
    messages = consumer.consume(BATCH, 0.05)
    by_partition: dict[int, list[dict[str, Any]]] = {}
    ends: dict[int, int] = {}
    for message in messages:
        partition = message.partition() or 0
        by_partition.setdefault(partition, []).append({"key": message.key(), "value": message.value()})
        ends[partition] = (message.offset() or 0) + 1
    if messages:
        producer.begin_transaction()
        for partition, copies in by_partition.items():
            producer.produce_batch(into, copies, partition)
        positions = [TopicPartition(topic, partition, end) for partition, end in ends.items()]
        producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), 30)
        producer.commit_transaction(30)
    return len(messages)
