"""What each role may do in Kafka: the least with which it does its work. Pure; acls.py gives and compares them."""

from collections.abc import Iterable, Iterator, Set
from typing import Literal

from msgspec import Struct

from processor.settings import Settings

ROLES = ("worker", "flusher", "observer", "operator", "producer")

CLUSTER = "kafka-cluster"  # what Kafka calls the cluster where it is a thing to have rights on

_SHOWS = {"READ", "WRITE", "DELETE", "DESCRIBE"}  # whoever may do one of these to a thing may describe it

Kind = Literal["topic", "group", "transactional-id", "cluster"]


class Right(Struct, frozen=True, order=True):
    """One user may do one thing; `prefixed`: with all whose names begin so. DESCRIBE comes with most others."""

    user: str
    kind: Kind
    name: str
    operation: str
    prefixed: bool = False

    def __str__(self) -> str:
        """As a person would say it."""
        return f"{self.user}: {self.what}"

    @property
    def what(self) -> str:
        """The same without whose it is."""
        return f"{self.operation} on {self.kind} {self.name}{'*' if self.prefixed else ''}"

    def command(self) -> str:
        """The options that have kafka-acls.sh give it."""
        name = "" if self.kind == "cluster" else f" '{self.name}'"
        pattern = " --resource-pattern-type prefixed" if self.prefixed else ""
        return f"--add --allow-principal 'User:{self.user}' --operation {self.operation} --{self.kind}{name}{pattern}"


def rights(settings: Settings) -> list[Right]:
    """All of them, for all roles."""
    each = (_worker, _flusher, _observer, _operator, _producer)
    return sorted({right for role in each for right in role(settings)})


def needed(settings: Settings, user: str, kind: Kind, name: str) -> list[str]:
    """What that user has to be able to do with one thing; empty for whoever is no role."""
    mine = [right for right in rights(settings) if (right.user, right.kind) == (user, kind)]
    return [one.operation for one in mine if name == one.name or (one.prefixed and name.startswith(one.name))]


def missing(wanted: Iterable[str], operations: Set[str]) -> list[str]:
    """Which of these are surely missing; of a thing that may not even be described, brokers do not tell the rest."""
    return [one for one in wanted if one not in operations and (operations or one in _SHOWS)]


def _worker(settings: Settings) -> Iterator[Right]:
    topics, user = settings.topics, "worker"
    yield Right(user, "topic", topics.input, "READ")
    yield Right(user, "topic", topics.processed, "WRITE")
    yield Right(user, "topic", topics.dead_letters, "WRITE")
    yield Right(user, "topic", topics.aggregations, "DESCRIBE")  # it waits until all four exist
    yield Right(user, "group", settings.group, "READ")
    # {group}-{host}-worker-NN: hosts come and go. Who steals a worker's password can fence a flusher, no more.
    yield Right(user, "transactional-id", f"{settings.group}-", "WRITE", prefixed=True)


def _flusher(settings: Settings) -> Iterator[Right]:
    topics, user = settings.topics, "flusher"
    yield Right(
        user, "topic", topics.input, "READ"
    )  # it reads none: Kafka asks it of whoever commits a topic's positions
    yield Right(user, "topic", topics.aggregations, "READ")
    yield Right(user, "topic", topics.aggregations, "WRITE")
    yield Right(user, "topic", topics.aggregations, "DESCRIBE_CONFIGS")  # what compaction may have deleted
    yield Right(user, "topic", topics.processed, "DESCRIBE")
    yield Right(user, "topic", topics.dead_letters, "DESCRIBE")
    yield Right(user, "group", settings.group, "READ")  # it visits the group where a partition was left to nobody
    yield Right(user, "group", settings.aggregations_group, "READ")
    yield Right(user, "group", f"{settings.group}-reader", "DESCRIBE")  # restore reads what was published
    yield Right(user, "transactional-id", f"{settings.group}-flusher", "WRITE")


def _observer(settings: Settings) -> Iterator[Right]:
    topics, user = settings.topics, "observer"
    yield Right(user, "topic", topics.input, "READ")  # when the next login came, for the lag in seconds
    yield Right(user, "topic", topics.dead_letters, "DESCRIBE")  # how many there are
    for group in (settings.group, settings.aggregations_group, f"{settings.group}-glance"):
        yield Right(user, "group", group, "DESCRIBE")


def _operator(settings: Settings) -> Iterator[Right]:
    """A person with the tools: makes, reads and mends everything of this pool, and nothing of anybody else's."""
    topics, user = settings.topics, "operator"
    for name in (topics.input, topics.processed, topics.aggregations, topics.dead_letters):
        for operation in ("CREATE", "READ", "DESCRIBE_CONFIGS"):
            yield Right(user, "topic", name, operation)
    yield Right(user, "cluster", CLUSTER, "DESCRIBE")  # `acls check`; to give rights takes an admin
    yield Right(user, "topic", topics.input, "WRITE")  # redrive, generate
    yield Right(user, "topic", topics.aggregations, "WRITE")  # reset takes published counts back
    yield Right(user, "topic", topics.dead_letters, "WRITE")  # markers of redrive and purge
    yield Right(user, "topic", topics.dead_letters, "DELETE")  # purge deletes records
    yield Right(user, "group", settings.group, "READ")
    yield Right(user, "group", f"{settings.group}-", "READ", prefixed=True)
    yield Right(user, "transactional-id", f"{settings.group}-", "WRITE", prefixed=True)


def _producer(settings: Settings) -> Iterator[Right]:
    yield Right("producer", "topic", settings.topics.input, "WRITE")
