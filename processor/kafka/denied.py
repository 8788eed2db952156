"""Which rights a denial is about: Kafka says on what kind of thing one is missing, and not which."""

from confluent_kafka import TopicCollection
from msgspec import structs

from processor.errors import DataProcessorError, Denied, Refused, Unavailable
from processor.kafka import members
from processor.kafka.client import REQUEST_SECONDS, translated
from processor.kafka.cluster import Cluster
from processor.kafka.rights import ROLES, Right, missing, rights
from processor.settings import Settings


def explained(problem: DataProcessorError, settings: Settings, role: str) -> DataProcessorError:
    """A denial with the rights that this user lacks, asked of the brokers; any other problem as it is."""
    if not isinstance(problem, Denied):
        return problem
    user = str(settings.kafka.client.get("sasl.username", ""))
    needs = user if user in ROLES else role
    try:
        asked = (lacking(settings, needs, problem.kind) for _ in range(2))  # a busy broker is slow
        found = next(filter(None, asked), [])
    except DataProcessorError:
        return problem
    named = "; ".join(f"{user or role} lacks {right.what}" for right in found)
    return Denied(f"{problem}: {named}", problem.kind) if named else problem


def lacking(settings: Settings, role: str, kind: str) -> list[Right]:
    """Which rights of that role on things of that kind this principal does not have.

    What one may do with transactional ids, or with the cluster, nobody tells: all of the role's are taken for lacking.
    """
    mine = [right for right in rights(settings) if (right.user, right.kind) == (role, kind)]
    if kind == "topic":
        cluster = Cluster(settings)
        asked = {name: topic_operations(cluster, name) for name in {right.name for right in mine}}
    elif kind == "group":
        asked = {right.name: group_operations(settings, _group(settings, right)) for right in mine}
    else:
        return mine
    return [right for right in mine if _lacks(right, asked[right.name])]


def _group(settings: Settings, right: Right) -> str:
    return settings.aggregations_group if right.prefixed else right.name


def _lacks(right: Right, operations: frozenset[str] | None) -> bool:
    return operations is not None and right.operation in missing([right.operation], operations)


def topic_operations(cluster: Cluster, topic: str) -> frozenset[str] | None:
    """What this principal may do with a topic, as "READ"; None: there is none, or the brokers do not say."""
    try:
        with translated(f"describing topic {topic}"):
            asked = cluster.client.describe_topics(
                TopicCollection([topic]), include_authorized_operations=True, request_timeout=REQUEST_SECONDS
            )
            operations = asked[topic].result().authorized_operations
    except Refused:
        return frozenset()
    except Unavailable:
        return None
    return None if operations is None else frozenset(one.name for one in operations)


def group_operations(settings: Settings, group: str) -> frozenset[str] | None:
    """What this principal may do with a group, as "READ"; None: the brokers do not say."""
    try:
        said = members.group(structs.replace(settings, group=group)).operations
    except Refused:
        return frozenset()
    except Unavailable:  # a cluster so new that it has had no group yet has no coordinator either
        return None
    return None if said is None else frozenset(said)
