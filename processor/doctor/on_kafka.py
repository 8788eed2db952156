"""Judges what Kafka looks like."""

from collections.abc import Iterator, Mapping, Sequence

from processor.doctor.finding import Finding, Level
from processor.kafka.checkup import BrokerSeen, KafkaSeen
from processor.kafka.features import METADATA, Features
from processor.kafka.rights import ROLES, missing, needed
from processor.settings import Settings
from processor.status.picture import ranges


def findings(settings: Settings, seen: KafkaSeen) -> Iterator[Finding]:
    """Brokers, their versions and racks, the topics, the rights, and other pools of this name."""
    yield from _reached(seen.brokers)
    yield from _versions(seen.brokers)
    yield from _racks(settings, seen)
    yield from _topics(seen)
    yield from _rights(settings, seen)
    for member in seen.namesakes:
        advice = "two pools share one host name: give this one another `host`"
        yield Finding("host", Level.WRONG, f"{settings.host} is taken by another pool's worker ({member})", advice)


def _reached(brokers: Sequence[BrokerSeen]) -> Iterator[Finding]:
    mute = [broker for broker in brokers if isinstance(broker.features, str)]
    if not mute:
        told = ", ".join(broker.address for broker in brokers)
        yield Finding("brokers", Level.OK, f"{len(brokers)} answer: {told}")
    for broker in mute:
        yield Finding(
            "brokers",
            Level.WRONG,
            f"broker {broker.id} at {broker.address} does not answer from here: {broker.features}",
            "start it, open its port to this machine, or mend its advertised.listeners: that is the address it gave",
        )


def _versions(brokers: Sequence[BrokerSeen]) -> Iterator[Finding]:
    known = {broker.id: broker.features for broker in brokers if isinstance(broker.features, Features)}
    releases = {number: features.release for number, features in known.items()}
    for number in sorted(number for number, release in releases.items() if not release):
        what = f"broker {number} is older than Kafka 4.0"
        yield Finding("version", Level.WRONG, what, "upgrade it: the pool is made for Kafka 4")
    if not known or not all(releases.values()):
        return
    least = min(known.values(), key=lambda features: features.supported.get(METADATA, 0))
    works_with = least.finalized.get(METADATA, 0)
    levels = ", ".join(f"{name} {level}" for name, level in sorted(least.finalized.items()))
    if works_with < least.supported.get(METADATA, 0):
        yield Finding(
            "version",
            Level.WARNING,
            f"all brokers are Kafka {least.release} or later, but the cluster still works as before its upgrade "
            f"({METADATA} {works_with})",
            f"when all brokers are to stay at it: `kafka-features.sh upgrade --release-version {least.release}`",
        )
    else:
        yield Finding("version", Level.OK, f"Kafka {least.release} or later ({levels})")


def _racks(settings: Settings, seen: KafkaSeen) -> Iterator[Finding]:
    without = [broker.id for broker in seen.brokers if not broker.rack]
    racks = {broker.rack for broker in seen.brokers if broker.rack}
    if without and racks:
        what = f"broker {ranges(sorted(without))} has no rack, others have"
        yield Finding("racks", Level.WRONG, what, "set broker.rack on every broker: copies are else placed at random")
    elif len(seen.brokers) == 1:
        what = "one broker has the only copy of everything"
        yield Finding("racks", Level.WARNING, what, "three, in three zones, keep it when one is lost")
    elif not racks:
        what = "no broker has a rack: all copies of a partition may lie in one zone"
        yield Finding("racks", Level.WARNING, what, "set broker.rack to each broker's zone")
    elif len(racks) == 1:
        what = f"all brokers are in rack {min(filter(None, racks))}"
        yield Finding("racks", Level.WARNING, what, "one zone down is all of it down: spread the brokers")
    else:
        yield from _spread(settings, seen, len(racks))
    if settings.topics.replication_factor < min(3, len(seen.brokers)):
        yield Finding(
            "racks",
            Level.WARNING,
            f"topics.replication_factor is {settings.topics.replication_factor}, with {len(seen.brokers)} brokers",
            "set it to 3, and topics.min_insync_replicas to 2, before the topics are made",
        )


def _spread(settings: Settings, seen: KafkaSeen, racks: int) -> Iterator[Finding]:
    """Whether this VM is near a broker; copies that are not spread are told as drifts of their topics."""
    ours = str(settings.kafka.client.get("client.rack", ""))
    there = sorted({broker.rack for broker in seen.brokers if broker.rack})
    if ours and ours not in there:
        what = f"no broker is in this VM's rack, {ours}: it reads from leaders, wherever they are"
        yield Finding("racks", Level.WARNING, what, f"set kafka.client.rack to one of {', '.join(there)}")
    else:
        near = f", this VM in {ours}" if ours else "; kafka.client.rack does not say in which one this VM is"
        yield Finding("racks", Level.OK, f"the brokers are in {racks} racks{near}")


def _topics(seen: KafkaSeen) -> Iterator[Finding]:
    for drift in seen.drifts:
        what, _, advice = drift.problem.partition(": ")
        missing = "does not exist" in drift.problem
        if missing:
            what, _, advice = drift.problem.partition("; ")
        yield Finding("topics", Level.WRONG if missing else Level.WARNING, f"{drift.topic} {what}", advice)
    if seen.closed:
        what = f"{', '.join(seen.closed)} can't be compared with the settings: no right to DESCRIBE_CONFIGS"
        yield Finding("topics", Level.UNKNOWN, what)
    for topic in seen.topics:
        if topic.leaderless:
            what = f"{topic.name}: partition {ranges(topic.leaderless)} has no leader"
            yield Finding("topics", Level.WRONG, what, "start the brokers that have its copies")
        elif topic.lacking:
            what = f"{topic.name}: partition {ranges(topic.lacking)} has copies that are not in sync"
            yield Finding("topics", Level.WARNING, what, "a broker is down or slow: see its log")
    if not seen.drifts and not seen.closed and not any(topic.leaderless or topic.lacking for topic in seen.topics):
        yield Finding("topics", Level.OK, f"all {len(seen.topics)} are as the settings say, every copy in sync")


def _rights(settings: Settings, seen: KafkaSeen) -> Iterator[Finding]:
    user = str(settings.kafka.client.get("sasl.username", ""))
    asked = [(f"topic {topic.name}", topic.operations, _needed(settings, user, topic.name)) for topic in seen.topics]
    asked += [(f"group {name}", found, ("READ",)) for name, found in seen.groups.items()]
    lacking = {what: _lacking(found, needed) for what, found, needed in asked if found is not None}
    for what, names in lacking.items():
        if names:
            yield Finding("rights", Level.WRONG, f"{what}: no right to {', '.join(names)}", _grant(user, what, names))
    if not any(lacking.values()):
        yield _seen_rights(asked)


def _grant(user: str, what: str, names: Sequence[str]) -> str:
    if user in ROLES:
        return "`data-processor acls apply`, as a user who may, gives each role what it needs"
    operations = " ".join(f"--operation {name}" for name in names)
    return f"`kafka-acls.sh --add --allow-principal User:… {operations} --{what}`"


def _seen_rights(asked: Sequence[tuple[str, frozenset[str] | None, tuple[str, ...]]]) -> Finding:
    hidden = [what for what, found, _ in asked if found is None]
    if hidden:
        return Finding(
            "rights", Level.UNKNOWN, f"the brokers do not say what this principal may do: {', '.join(hidden)}"
        )
    return Finding("rights", Level.OK, "all on topics and groups; that on transactional ids can't be seen")


def _needed(settings: Settings, user: str, topic: str) -> tuple[str, ...]:
    """What the user of a role needs, here the operator; where one user does everything, what the processes need."""
    if user in ROLES:
        return tuple(needed(settings, user, "topic", topic))
    needs: Mapping[str, tuple[str, ...]] = {
        settings.topics.input: ("DESCRIBE", "READ"),
        settings.topics.aggregations: ("DESCRIBE", "DESCRIBE_CONFIGS", "READ", "WRITE"),  # a restore reads it
    }
    return needs.get(topic, ("DESCRIBE", "WRITE"))


def _lacking(found: frozenset[str], needed: tuple[str, ...]) -> list[str]:
    return [] if "ALL" in found else missing(needed, found)
