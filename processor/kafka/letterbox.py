"""The dead letters' topic as the tools use it: read as a stream, looked up, and cut off at its beginning."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from confluent_kafka import Message, TopicPartition

from processor.kafka.client import REQUEST_SECONDS, translated
from processor.kafka.cluster import Cluster
from processor.kafka.letters import Letter, letter
from processor.kafka.markers import Marker, Origin, Purge, Purged, Redriven
from processor.kafka.offsets import bounds
from processor.kafka.reader import read
from processor.logins.headers import UNREADABLE, Headers, ask
from processor.settings import Settings

Bounds = dict[int, tuple[int, int]]
Offsets = Mapping[int, int]


class Letterbox:
    """All dead letters of one pool. Raises Unavailable when the topic does not exist or nobody answers."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.cluster = Cluster(settings)
        self.topic = settings.topics.dead_letters
        self._input = settings.topics.input

    def bounds(self) -> Bounds:
        """For each partition its first offset and its end."""
        return bounds(self.cluster, self.topic)

    def input_partitions(self) -> int:
        """How many partitions the input has."""
        return self.cluster.partitions(self._input)

    def records(self, starts: Offsets, ends: Offsets) -> Iterator[tuple[Message, Letter | Marker | None]]:
        """Yield what lies between these offsets: letters, markers, and None for what is neither."""
        with closing(read(self.settings, self.topic, starts, ends)) as batches:  # type: ignore[type-var]
            for batch in batches:
                for message in batch:
                    yield message, letter(message, self._input)

    def letters(self, starts: Offsets, ends: Offsets) -> Iterator[Letter]:
        """Yield the letters between these offsets, each partition in its order."""
        return (found for _, found in self.records(starts, ends) if isinstance(found, Letter))

    def original(self, of: Origin) -> "Original | None":
        """The input record of a letter; None when it is not there any more, or another one has its offset."""
        partition, offset, timestamp = of
        first, end = bounds(self.cluster, self._input).get(partition, (0, 0))
        if not first <= offset < end:
            return None
        for batch in read(self.settings, self._input, {partition: offset}, {partition: offset + 1}):
            for message in batch:
                if message.offset() == offset and message.timestamp()[1] == timestamp:
                    return Original(message)
        return None

    def cut(self, offsets: Offsets) -> None:
        """Delete everything before these offsets, as retention does."""
        before = [TopicPartition(self.topic, p, at) for p, at in offsets.items()]
        if before:
            with translated(f"deleting the beginning of {self.topic}"):
                for answer in self.cluster.client.delete_records(before, request_timeout=REQUEST_SECONDS).values():
                    answer.result()


class Original:
    """An input record, with all that its letter had to go without."""

    def __init__(self, message: Any) -> None:
        self.key: bytes | None = message.key()
        self.value: bytes | None = message.value()
        try:
            self.headers: Headers = ask(message) or []
        except UNREADABLE:
            self.headers = []


class Marks:
    """What the markers say; read on to the topic's end as often as that has to be certain.

    Keeps some 200 bytes for each redriven letter, and nothing of the others.
    """

    def __init__(self, box: Letterbox) -> None:
        self.returns: dict[Origin, tuple[int, int]] = {}  # where a letter's record went, by where it had come from
        self.purges: dict[int, list[Purge]] = {}  # partition → all purges of it
        self.ends: dict[int, int] = {}  # up to where they were read
        self._box = box

    def read_on(self) -> None:
        """Read everything that was committed until now and was not read yet."""
        found = self._box.bounds()
        starts = {p: max(low, self.ends.get(p, 0)) for p, (low, _) in found.items()}
        ends = {p: high for p, (_, high) in found.items()}
        for message, made in self._box.records(starts, ends):
            if isinstance(made, Redriven):
                self.returns.update((one.origin, one.to) for one in made.letters)
            elif isinstance(made, Purged):
                self.purges[message.partition() or 0] = made.purges
        self.ends = ends
