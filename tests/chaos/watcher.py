"""The reader's child process: reads processed-logins while faults happen, as any read_committed consumer would."""

import re
import time
from array import array
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from tests.chaos.child import Order, Orders, board
from tests.chaos.outputs import UNKNOWN

MOST_PARTITIONS = 256
LOOK_SECONDS = 2.0  # so often for partitions that were added
# Places on the board, each by partition: the newest record's time of processing, when it was seen, the next offset.
STAMPS, ARRIVALS, NEXT = 0, MOST_PARTITIONS, 2 * MOST_PARTITIONS
BOARD_NUMBERS = 3 * MOST_PARTITIONS
# A processed record's announced fields come first, so that the first match is its own.
_number = re.compile(rb'"device_id":"d-([0-9]{1,9})"')
_stamp = re.compile(rb'"processed_timestamp":([0-9]+)')


class Watcher:
    """Reads every partition from its beginning, new ones too."""

    def __init__(self, recipe: Order, numbers: "memoryview[float]") -> None:
        self._board, self._topic = numbers, recipe["topic"]
        self.sequences: dict[int, array[int]] = {}
        self._looked = 0.0
        self._consumer = Consumer(
            {
                **recipe["kafka"],
                "client.id": "chaos-reader",
                "group.id": "chaos-reader",  # never joined
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 100,
                "queued.max.messages.kbytes": 65_536,
                "reconnect.backoff.max.ms": 500,
                "log_level": 3,  # brokers that are away are no news here
                "topic.metadata.refresh.interval.ms": 1000,
            }
        )

    def turn(self) -> None:
        """Read what there is."""
        if not self.sequences or time.monotonic() - self._looked > LOOK_SECONDS:
            self._find_partitions()
            self._looked = time.monotonic()
        latest: dict[int, bytes] = {}
        for message in self._consumer.consume(5_000, 0.05):
            self._take(message, latest)
        now = time.time()
        for partition, value in latest.items():
            stamp = _stamp.search(value)
            self._board[STAMPS + partition] = int(stamp[1]) / 1000 if stamp else 0.0
            self._board[ARRIVALS + partition] = now

    def leave(self, folder: Path) -> None:
        """Write down all that was seen, a file a partition."""
        for partition, sequence in self.sequences.items():
            (folder / f"seen-{partition}").write_bytes(sequence.tobytes())
        self._consumer.close()

    def _find_partitions(self) -> None:
        try:
            found = self._consumer.list_topics(self._topic, 1.0).topics[self._topic].partitions
        except KafkaException:
            return  # no broker answers: those that are read are read on
        new = sorted(found.keys() - self.sequences.keys())
        if new:
            self._consumer.incremental_assign([TopicPartition(self._topic, p, 0) for p in new])
            self.sequences |= {p: array("I") for p in new}

    def _take(self, message: Message, latest: dict[int, Any]) -> None:
        partition, offset = message.partition(), message.offset()
        if partition is None or offset is None:
            return  # an error of no partition: the client goes on by itself
        if message.error() is None:
            value = message.value() or b""
            found = _number.search(value)
            self.sequences[partition].append(int(found[1]) if found else UNKNOWN)
            latest[partition] = value
            self._board[NEXT + partition] = offset + 1
        elif offset >= 0:
            self._board[NEXT + partition] = offset  # the end, behind the last transaction's marker


def main() -> None:
    """Watch until the orders end."""
    orders = Orders()
    recipe = orders.first()
    folder = Path(recipe["folder"])
    watcher = Watcher(recipe, board(folder))
    while not orders.ended:
        watcher.turn()
    watcher.leave(folder)


if __name__ == "__main__":
    main()
