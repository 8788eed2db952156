"""How much a consumer has fetched that nobody has taken yet: its statistics tell, now and then."""

from msgspec import Struct, json

from processor.metrics.meter import put
from processor.metrics.told import FETCH_QUEUE

QUEUED_MILLISECONDS = 5000  # writing the statistics costs the client about 10 µs a partition of the topic


class _Partition(Struct):
    fetchq_size: int = 0


class _Topic(Struct):
    partitions: dict[str, _Partition] = {}


class _Statistics(Struct):
    topics: dict[str, _Topic] = {}


_decode = json.Decoder(_Statistics).decode


def queued(statistics: str) -> None:
    """Hear the statistics."""
    topics = _decode(statistics).topics.values()
    put(FETCH_QUEUE, sum(each.fetchq_size for topic in topics for each in topic.partitions.values()))
