"""Where the pool stands, asked again and again by clients that stay: a new one each time would cost more."""

from collections.abc import Iterable
from contextlib import closing

import confluent_kafka
from confluent_kafka import Consumer, KafkaException, TopicPartition
from msgspec import Struct

from processor.errors import DataProcessorError
from processor.kafka import glance
from processor.kafka.client import REQUEST_SECONDS, consumer_properties, translated
from processor.kafka.cluster import Cluster, lineage
from processor.kafka.login import Login
from processor.kafka.offsets import asked, bounds
from processor.kafka.quiet import QUIET
from processor.settings import Settings


class Standing(Struct, frozen=True):
    """What Kafka knows at one moment; positions were read before the ends, so that none lies beyond its end."""

    lineage: str  # that this pool's counts must have
    committed: dict[int, int]
    published: dict[int, int]
    bounds: dict[int, tuple[int, int]]  # of the input: first offset and end
    letters: int  # offsets in the dead letters' topic


class Lookout:
    """Asks Kafka for positions and ends; raises Unavailable, and then begins with clean clients the next time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cluster = Cluster(settings)
        self._login = Login(settings.kafka, "consumer")
        self._groups: dict[str, Consumer] = {}

    def look(self) -> Standing:
        """Ask for everything."""
        settings, cluster = self._settings, self._cluster
        try:
            partitions = range(cluster.partitions(settings.topics.input))
            published = self._committed(settings.aggregations_group, partitions)
            committed = self._committed(settings.group, partitions)
            letters = bounds(cluster, settings.topics.dead_letters)
            ends = bounds(cluster, settings.topics.input)
            return Standing(
                lineage(settings, cluster),
                committed,
                published,
                ends,
                sum(high - low for low, high in letters.values()),
            )
        except DataProcessorError:
            self.close()
            raise

    def oldest(self, starts: dict[int, int]) -> dict[int, float | None]:
        """See glance.oldest."""
        return glance.oldest(self._settings, starts) if starts else {}

    def close(self) -> None:
        """Let the clients go."""
        self._login.keep()
        while self._groups:
            with closing(self._groups.popitem()[1]):
                pass

    def _committed(self, group: str, partitions: Iterable[int]) -> dict[int, int]:
        """A group's offsets of this moment, asked by a consumer that never joins and waits for no transaction."""
        with translated(f"reading the committed offsets of group {group}"):
            if group not in self._groups:
                own = {"logger": QUIET, "isolation.level": "read_uncommitted"}
                properties = consumer_properties(self._settings, "data-processor-lookout", group)
                self._groups[group] = Consumer({**properties, **own})
                self._login.keep(*self._groups.values())
            wanted = [TopicPartition(self._settings.topics.input, partition) for partition in partitions]
            self._groups[group].poll(0)  # what it heard would pile up
            found = asked(self._groups[group], wanted, REQUEST_SECONDS)
            for at in found:
                if at.error is not None:
                    raise KafkaException(at.error)
        return {at.partition: at.offset for at in found if at.offset >= 0}


def client_version() -> str:
    """The version of librdkafka."""
    return str(confluent_kafka.libversion()[0])
