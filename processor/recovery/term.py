"""A flusher's term as a tool leads it: the same fence, checkpoint, publishing and restore, step by step."""

from collections.abc import Callable

from processor.counts.connection import Connection
from processor.counts.loading import Loading
from processor.counts.snapshot import Snapshots
from processor.errors import Unavailable
from processor.faults import reach
from processor.kafka.cluster import Cluster, lineage
from processor.kafka.glance import last_committed
from processor.kafka.offsets import Checkpoint, checkpoint_in
from processor.kafka.publisher import Publisher
from processor.patience import persist
from processor.publishing import Publishing
from processor.restore import Restore
from processor.settings import Settings

_ATTEMPTS = 3


def last_checkpoint(settings: Settings, cluster: Cluster) -> Checkpoint:
    """The checkpoint as it is before a term: what a killed flusher left open over it is not waited for, nor in it."""
    partitions = range(cluster.partitions(settings.topics.input))
    return checkpoint_in(settings, last_committed(settings, settings.aggregations_group, partitions))


def fenced(settings: Settings, confirm: Callable[[], None]) -> Publisher:
    """A producer in whose presence no flusher of before can publish; what one left open is aborted."""
    publisher = Publisher(settings, f"{settings.host}-restore", confirm)
    publisher.ready()
    reach("restore.after-fence")
    return publisher


class Term:
    """From its beginning on, nobody else can publish or commit a checkpoint without ending it: Fenced is raised then.

    `read` reads the checkpoint, once nobody can move it any more.
    """

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        redis: Connection,
        confirm: Callable[[], None],
        read: Callable[[], Checkpoint],
    ) -> None:
        self.publisher = fenced(settings, confirm)
        self._settings = settings
        self._cluster = cluster
        self._confirm = confirm
        belongs_to = lineage(settings, cluster)
        self._loading = Loading(redis, settings.redis, belongs_to)
        snapshots = Snapshots(redis, settings.redis, belongs_to)
        self.publishing = Publishing(snapshots, self.publisher, persist(read), confirm)

    def restore(self, advance: Callable[[int], None]) -> None:
        """Fill every shard that has no lineage from user-aggregations; raises Unavailable when Redis went away."""
        restore = Restore(self._settings, self._cluster, self._loading, self._confirm, advance)
        for _ in range(_ATTEMPTS):
            if restore.run(self.publishing.checkpoint, self.publishing.recommit):
                return
        raise Unavailable("Redis was emptied or went back during the restore: run it again")
