"""The usual loop: poll, process, produce and count one message at a time: BOOTSTRAP GROUP INPUT PROCESSED REDIS KEY."""

import json
import sys
import time

import redis
from confluent_kafka import Consumer, Producer


def main(bootstrap: str, group: str, taken: str, processed: str, url: str, key: str) -> None:
    """Run until killed."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "auto.commit.interval.ms": 1000,  # its default of 5 s would make the measurement coarser
        }
    )
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": "lz4", "linger.ms": 20})
    counts = redis.Redis.from_url(url)
    consumer.subscribe([taken])
    while True:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            raise SystemExit(str(message.error()))
        login = json.loads(message.value() or b"")
        login["user_id"] = str(login["user_id"])
        login["processed_timestamp"] = time.time_ns() // 1_000_000
        producer.produce(processed, json.dumps(login).encode(), message.key())
        producer.poll(0)
        counts.hincrby(key, login["user_id"])


if __name__ == "__main__":
    main(*sys.argv[1:])
