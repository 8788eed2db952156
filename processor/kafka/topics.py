"""The four topics: what each should be, making them, and naming every drift from it."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import ConfigResource, NewTopic, ResourceType
from msgspec import Struct

from processor.errors import ConfigurationError
from processor.kafka.client import REQUEST_SECONDS, translated
from processor.kafka.cluster import Cluster
from processor.settings import Settings, TopicSettings

_DAY_MS = 86_400_000
_FOR_EVER_MS = 36_500 * _DAY_MS  # added to a clock, the greatest number would lie in the past

_NOT_TO_BE_MADE = {
    KafkaError.INVALID_REPLICATION_FACTOR,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.INVALID_CONFIG,
    KafkaError.POLICY_VIOLATION,
    KafkaError.TOPIC_EXCEPTION,  # its name
}


class TopicPlan(Struct, frozen=True):
    """One topic as the settings want it."""

    name: str
    partitions: int
    config: dict[str, str]
    takes_input: bool = False


class Drift(Struct, frozen=True):
    """One way in which a topic is not as the settings want it, and what to do about it."""

    topic: str
    problem: str


class Found(Struct, frozen=True):
    """One topic as it is."""

    replicas: Mapping[int, int]  # partition -> copies
    config: Mapping[str, str]
    racks: Mapping[int, int] = {}  # partition -> racks that its copies lie in


def plans(settings: Settings) -> list[TopicPlan]:
    """The four topics; outputs take larger records than the input, for what a record gains on its way."""
    t = settings.topics
    durable = {"min.insync.replicas": str(t.min_insync_replicas)}
    taken = {**durable, "max.message.bytes": str(t.max_message_bytes)}
    given = {**durable, "max.message.bytes": str(settings.output_max_bytes)}
    delete = {"cleanup.policy": "delete"}
    return [
        TopicPlan(t.input, t.partitions, {**taken, **delete, "retention.ms": str(t.input_retention_ms)}, True),
        TopicPlan(t.processed, t.partitions, {**given, **delete, "retention.ms": str(t.processed_retention_ms)}),
        TopicPlan(t.aggregations, t.aggregations_partitions, {**given, **_compacted(t)}),
        TopicPlan(
            t.dead_letters,
            t.dead_letters_partitions,
            {**given, **delete, "retention.ms": str(t.dead_letters_retention_ms)},
        ),
    ]


def _compacted(t: TopicSettings) -> dict[str, str]:
    """Counts stay, but not those that were replaced or taken back: Kafka alone may keep them for weeks (segment.ms).

    A tombstone stays longer than the logins that it takes back: as long as those can be counted again.
    """
    tombstones = _FOR_EVER_MS if t.input_retention_ms == -1 else t.input_retention_ms + _DAY_MS
    return {
        "cleanup.policy": "compact",
        "max.compaction.lag.ms": str(t.aggregations_compaction_ms),
        "delete.retention.ms": str(tombstones),
    }


def create(settings: Settings, cluster: Cluster) -> list[str]:
    """Make the topics that do not exist and return their names; those that exist are left as they are.

    Raises ConfigurationError for what this cluster can't make, more copies than brokers for one.
    """
    factor = settings.topics.replication_factor
    wanted = [NewTopic(p.name, p.partitions, factor, config=p.config) for p in plans(settings)]
    with translated("creating topics"):
        answers = cluster.client.create_topics(wanted, request_timeout=REQUEST_SECONDS)
        return [name for name, answer in answers.items() if _made(name, answer)]


def _made(topic: str, answer: "Future[None]") -> bool:
    try:
        answer.result()
    except KafkaException as problem:
        error = problem.args[0]
        if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        if error.code() in _NOT_TO_BE_MADE:
            raise ConfigurationError(
                f"Kafka: creating {topic}: {error.str()} ({error.name()}): check the settings under [topics]"
            ) from problem
        raise
    return True


def drifts(settings: Settings, cluster: Cluster, among: Sequence[TopicPlan] | None = None) -> list[Drift]:
    """Every way in which the topics (all, or only these) differ from the plan; empty when all is well."""
    wanted = plans(settings) if among is None else among
    found = {plan.name: _find(cluster, plan.name) for plan in wanted}
    there = {name: topic for name, topic in found.items() if topic is not None}
    racks = {broker.rack for broker in cluster.brokers()} if there else set()
    return drifts_of(settings, wanted, there, len(racks - {None, ""}))


def drifts_of(
    settings: Settings, wanted: Sequence[TopicPlan], found: Mapping[str, Found], racks: int = 0
) -> list[Drift]:
    """What is to be said of topics that were found like this; one that was not found does not exist.

    `racks` is how many the brokers stand in.
    """
    each = [
        Drift(plan.name, problem)
        for plan in wanted
        for problem in _problems(settings, plan, found.get(plan.name), racks)
    ]
    return each + _unequal(settings, found)


def _problems(settings: Settings, plan: TopicPlan, found: Found | None, racks: int) -> list[str]:
    if found is None:
        return ["does not exist; `data-processor topics create` makes it"]
    return [
        *_partition_drift(settings, plan, len(found.replicas)),
        *_replication_drift(settings.topics.replication_factor, found.replicas),
        *_rack_drift(racks, found),
        *_config_drift(plan, found.config),
    ]


def _partition_drift(settings: Settings, plan: TopicPlan, found: int) -> list[str]:
    if found == plan.partitions:
        return []
    said = f"has {found} partitions, the settings say {plan.partitions}"
    if plan.name == settings.topics.aggregations:
        return [
            f"{said}: when partitions were added, an older record of a user may lie in another partition than the "
            "latest; readers must take the larger count. To accept that, change topics.aggregations_partitions"
        ]
    return [
        f"{said}: {'raise the setting to match' if found > plan.partitions else 'add partitions, or lower the setting'}"
    ]


def _unequal(settings: Settings, found: Mapping[str, Found]) -> list[Drift]:
    """Input and processed topic, where only one of them was given more partitions."""
    topics = settings.topics
    if topics.input not in found or topics.processed not in found:
        return []
    taken, given = len(found[topics.input].replicas), len(found[topics.processed].replicas)
    if taken == given:
        return []
    return [
        Drift(
            topics.processed,
            f"has {given} partitions, {topics.input} has {taken}: processed logins do not keep their partition, and "
            "their order is kept by key only. Add partitions to the smaller one",
        )
    ]


def _replication_drift(factor: int, replicas: Mapping[int, int]) -> list[str]:
    few = sorted(p for p, count in replicas.items() if count < factor)
    return [f"partitions {few} have fewer than {factor} replicas: reassign them"] if few else []


def _rack_drift(racks: int, found: Found) -> list[str]:
    """Copies in fewer racks than there could be: a zone that is lost takes more of them than it had to."""
    could = {p: min(racks, copies) for p, copies in found.replicas.items()}
    huddled = sorted(p for p, most in could.items() if found.racks.get(p, most) < most)
    if not huddled:
        return []
    most = max(could[p] for p in huddled)
    return [
        f"partitions {huddled} do not have their copies in {most} racks: reassign them "
        "(`kafka-reassign-partitions.sh --generate` spreads them)"
    ]


def _config_drift(plan: TopicPlan, found: Mapping[str, str]) -> list[str]:
    """Policies must be equal, sizes leave room, minimum replicas be enough."""
    return [
        f"{key} is {found.get(key)}, the settings ask for {wanted}{_BECAUSE.get(key, '')}"
        for key, wanted in plan.config.items()
        if not _fits(plan, key, wanted, found.get(key, ""))
    ]


_BECAUSE = {
    "cleanup.policy": ": with another one, records that are needed may be deleted",
    "max.message.bytes": ": the outputs must take more than the input, for what a record gains on its way",
    "max.compaction.lag.ms": ": counts that were replaced or taken back would stay on disk for longer",
    "delete.retention.ms": ": a count that was taken back must stay so for as long as its logins are in the input",
    "min.insync.replicas": ": an acknowledged record could be lost with one broker",
}


def _fits(plan: TopicPlan, key: str, wanted: str, found: str) -> bool:
    """The input must not take more than the plan says, or its records outgrow the outputs; the rest may be larger."""
    if key == "max.message.bytes" and plan.takes_input:
        return int(found or 0) <= int(wanted)
    if key == "max.compaction.lag.ms":
        return int(found or 0) <= int(wanted)
    if key in {"min.insync.replicas", "max.message.bytes", "delete.retention.ms"}:
        return int(found or 0) >= int(wanted)
    return found == wanted


def _find(cluster: Cluster, topic: str) -> Found | None:
    described = cluster.describe(topic)
    if described is None:
        return None
    replicas = {partition.id: len(partition.replicas) for partition in described.partitions}
    # A copy whose broker is away has a rack that nobody tells: it counts as another one.
    racks = {partition.id: len({copy.rack for copy in partition.replicas}) for partition in described.partitions}
    return Found(replicas, properties(cluster, topic), racks)


def properties(cluster: Cluster, topic: str) -> dict[str, str]:
    """A topic's own settings, as it works with them; raises Unavailable when there is no such topic."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    with translated(f"reading the properties of {topic}"):
        answers = cluster.client.describe_configs([resource], request_timeout=REQUEST_SECONDS)
        entries = next(iter(answers.values())).result()
    return {name: str(entry.value) for name, entry in entries.items()}
