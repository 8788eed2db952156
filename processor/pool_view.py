"""The pool over all hosts as an operator's processes see it: positions and members from Kafka, notices from Redis."""

from collections.abc import Mapping

from processor.counts.connection import Connection
from processor.counts.stopped import Notices
from processor.kafka import glance, standing
from processor.kafka.cluster import Cluster
from processor.settings import Settings


class PoolView:
    """Asks again each time; every call raises Unavailable when Kafka or Redis does not answer."""

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._settings = settings
        self._cluster = Cluster(settings)
        self._notices = Notices(connection, settings.redis.prefix)

    def look(self) -> standing.Pool:
        """Who has which partitions, and where they stand."""
        return standing.look(self._cluster)

    def stopped(self) -> set[int]:
        """The partitions that the breaker stopped."""
        return set(self._notices.read())

    def waiting(self, places: Mapping[int, int]) -> set[int]:
        """Of these partitions, those with a login to take at or after this offset that no breaker has stopped."""
        stopped = self.stopped()
        return glance.waiting(self._settings, {p: at for p, at in places.items() if p not in stopped})
