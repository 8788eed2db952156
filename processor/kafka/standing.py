"""Where each partition stands and who has it, at one moment: what the scaler and a rolling restart go by."""

from msgspec import Struct

from processor.kafka import glance, offsets
from processor.kafka.cluster import Cluster
from processor.kafka.joined import Joined, joined


class Standing(Struct, frozen=True):
    """One partition of the input: the group's committed offset (or the log's first), the log's end, and its owner."""

    partition: int
    committed: int
    end: int
    owner: Joined | None

    @property
    def lag(self) -> int:
        """Records that are not processed yet, markers among them."""
        return max(0, self.end - self.committed)


class Pool(Struct, frozen=True):
    """The whole pool, over all hosts."""

    partitions: list[Standing]
    members: list[Joined]

    def of(self, host: str, slot: int) -> Joined | None:
        """The worker of this host and slot, when it is in the group."""
        return next((member for member in self.members if (member.host, member.slot) == (host, slot)), None)


def look(cluster: Cluster) -> Pool:
    """Ask Kafka; positions before ends, so that none lies beyond its end. Raises Unavailable."""
    settings = cluster.settings
    topic = settings.topics.input
    members = joined(cluster)
    owners = {partition: member for member in members for partition in member.partitions}
    committed = glance.last_committed(settings, settings.group, range(cluster.partitions(topic)))
    bounds = offsets.bounds(cluster, topic)
    return Pool(
        [
            Standing(p, committed[p].offset if p in committed else low, end, owners.get(p))
            for p, (low, end) in sorted(bounds.items())
        ],
        members,
    )
