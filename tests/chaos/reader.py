"""The concurrent reader: a read_committed consumer of processed-logins, in a child process, while faults happen."""

import time
from array import array
from collections.abc import Iterable

from processor.settings import KafkaProperties
from tests.chaos.child import Child
from tests.chaos.evidence import Offsets
from tests.chaos.outputs import Sequences
from tests.chaos.watcher import ARRIVALS, BOARD_NUMBERS, MOST_PARTITIONS, NEXT, STAMPS

FINISH_SECONDS = 300.0


class Reader:
    """What a consumer sees as it happens: for progress while the faults go on, and for the oracle after them."""

    def __init__(self, kafka: KafkaProperties, topic: str) -> None:
        self._child = Child("tests.chaos.watcher", {"kafka": kafka, "topic": topic}, BOARD_NUMBERS)
        self._sequences: Sequences | None = None

    def start(self) -> None:
        """Begin to read."""
        self._child.start()

    def last_progress(self) -> dict[int, float]:
        """For each output partition that has records, when the last one was processed (seconds, the worker's clock)."""
        return self._shown(STAMPS)

    def last_arrival(self) -> dict[int, float]:
        """For each output partition that has records, when the last one was seen (seconds, this machine's clock)."""
        return self._shown(ARRIVALS)

    def progressed(self, since_wall: float, partitions: Iterable[int]) -> set[int]:
        """Those of the partitions that have shown a record which was processed after that moment (seconds)."""
        shown = self.last_progress()
        return {p for p in partitions if shown.get(p, 0.0) > since_wall}

    def finish(self, ends: Offsets) -> None:
        """Wait until it has read to these ends, and stop; TimeoutError when it does not get there."""
        deadline = time.monotonic() + FINISH_SECONDS
        while self._child.pid and (short := self._short(ends)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the reader of processed-logins got no further than {short}")
            time.sleep(0.05)
        self.stop()

    def stop(self) -> None:
        """Stop, and take over what it saw."""
        if self._sequences is not None:
            return
        self._child.stop()
        self._sequences = {}
        for path in self._child.folder.glob("seen-*"):
            sequence = array("I")
            sequence.frombytes(path.read_bytes())
            self._sequences[int(path.name.removeprefix("seen-"))] = sequence

    @property
    def sequences(self) -> Sequences:
        """After the stop: by output partition, the logins' numbers as they were seen."""
        assert self._sequences is not None, "only known after the stop"
        return self._sequences

    def _short(self, ends: Offsets) -> Offsets:
        return {p: int(at) for p, end in ends.items() if (at := self._child.board[NEXT + p]) < end}

    def _shown(self, place: int) -> dict[int, float]:
        return {p: at for p in range(MOST_PARTITIONS) if (at := self._child.board[place + p]) > 0}
