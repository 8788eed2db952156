"""What `doctor` asks of Kafka: every broker from here, every topic, and what this principal may do."""

from collections.abc import Mapping, Sequence

from confluent_kafka import Node
from msgspec import Struct

from processor.errors import Refused
from processor.kafka import membership, presence
from processor.kafka import topics as plans
from processor.kafka.cluster import Cluster
from processor.kafka.denied import group_operations, topic_operations
from processor.kafka.features import Features, features
from processor.settings import Settings


class BrokerSeen(Struct, frozen=True):
    """A broker as seen from this machine."""

    id: int
    address: str  # that it gives to clients
    rack: str | None
    features: Features | str  # a text: why it could not be asked


class TopicSeen(Struct, frozen=True):
    """A topic's partitions that are not well, and what this principal may do with it."""

    name: str
    leaderless: Sequence[int] = ()
    lacking: Sequence[int] = ()  # fewer copies in sync than there should be
    operations: frozenset[str] | None = None  # as "READ"; None: the broker did not say


class KafkaSeen(Struct, frozen=True):
    """The whole of it."""

    brokers: Sequence[BrokerSeen]
    topics: Sequence[TopicSeen]  # those that exist
    drifts: Sequence[plans.Drift]
    closed: Sequence[str]  # topics whose properties this principal may not read: nothing is known of their drifts
    groups: Mapping[str, frozenset[str] | None]  # what this principal may do with each
    namesakes: Sequence[str]  # live members of other pools with this pool's host name


def look(settings: Settings, cluster: Cluster) -> KafkaSeen:
    """Ask for all of it; raises what Cluster raises when nobody answers."""
    brokers = [_broker(settings, node) for node in cluster.brokers()]
    wanted = plans.plans(settings)
    found = {plan.name: _topic(cluster, plan.name) for plan in wanted}
    closed = [name for name, topic in found.items() if topic and not _readable(cluster, topic)]
    return KafkaSeen(
        brokers=brokers,
        topics=[topic for topic in found.values() if topic],
        drifts=plans.drifts(settings, cluster, [plan for plan in wanted if plan.name not in closed]),
        closed=closed,
        groups={name: group_operations(settings, name) for name in (settings.group, settings.aggregations_group)},
        namesakes=_namesakes(settings, presence.present(cluster, settings.group)),
    )


def _broker(settings: Settings, node: Node) -> BrokerSeen:
    said: Features | str
    try:
        said = features(node.host, node.port, settings.kafka.client)
    except (OSError, ValueError) as problem:  # ValueError: a name that no resolver takes
        said = str(problem)
    return BrokerSeen(node.id, f"{node.host}:{node.port}", node.rack, said)


def _topic(cluster: Cluster, name: str) -> TopicSeen | None:
    """A topic as it is; None where there is none. What this principal may not even see, it may do nothing with."""
    try:
        found = cluster.describe(name)
    except Refused:
        return TopicSeen(name, operations=frozenset())
    if found is None:
        return None
    return TopicSeen(
        name=name,
        leaderless=[p.id for p in found.partitions if p.leader is None],
        lacking=[p.id for p in found.partitions if len(p.isr) < len(p.replicas)],
        operations=topic_operations(cluster, name),
    )


def _readable(cluster: Cluster, topic: TopicSeen) -> bool:
    if topic.operations == frozenset():
        return False
    try:
        plans.properties(cluster, topic.name)
    except Refused:
        return False
    return True


def _namesakes(settings: Settings, present: Sequence[str]) -> list[str]:
    """Members whose client ids have our host name, and the fingerprint of another pool (see membership.py)."""
    prefix, ours = f"{settings.host}-worker-", membership.identity(settings)
    ids = {member: member.split(" at ")[0].rpartition("@")[2] for member in present if member.startswith(prefix)}
    return [member for member, identity in ids.items() if identity != ours]
