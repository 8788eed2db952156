"""What there is to be judged: all that a pool has written, and how far it says that it is."""

from collections.abc import Iterable
from typing import Any, Literal, Protocol

Topic = Literal["input", "processed", "dead_letters", "aggregations"]
Offsets = dict[int, int]  # by partition of the input
Headers = list[tuple[str, bytes | None]]

OUTPUTS: tuple[Topic, ...] = ("processed", "dead_letters", "aggregations")
TOPICS: tuple[Topic, ...] = ("input", *OUTPUTS)


class Record(Protocol):
    """What is looked at of a record; `confluent_kafka.Message` is one."""

    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> Any: ...  # the client's own types say more than ever comes
    def partition(self) -> Any: ...
    def offset(self) -> Any: ...
    def timestamp(self) -> Any: ...


class Evidence(Protocol):
    """Kafka and Redis as they are, or what a test made up."""

    @property
    def input_name(self) -> str:
        """What the input topic is called: dead letters say so."""

    @property
    def shards(self) -> int:
        """How many shards the counts are divided into."""

    def records(self, topic: Topic) -> Iterable[Record]:
        """Read all that a read_committed reader sees, each partition's in order."""

    def bounds(self, topic: Topic) -> dict[int, tuple[int, int]]:
        """Tell each partition's first offset and its end, the high watermark."""

    def stable(self, topic: Topic) -> Offsets:
        """Tell each partition's last stable offset: behind it lies nothing, or an open transaction."""

    def committed(self) -> Offsets:
        """Tell the group's committed offsets; a partition without one is missing."""

    def cursors(self) -> list[Offsets]:
        """Tell for each shard up to where it has counted."""

    def checkpoints(self) -> list[Offsets]:
        """Tell for each shard up to where its counts are published."""

    def counts(self) -> list[dict[str, int]]:
        """Tell what each shard has counted, by user."""
