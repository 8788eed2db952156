"""A Kafka cluster in memory: logs with transactions, and producers whose former epochs are fenced."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from processor.errors import Fenced, Refused, Unavailable
from processor.kafka.offsets import Committed
from processor.logins.headers import Headers
from tests.twins.group import Group, Membership
from tests.twins.network import Network
from tests.twins.record import MemoryRecord


@dataclass
class Transaction:
    """What was written in it becomes visible with its commit, offsets and records at once."""

    state: Literal["open", "committed", "aborted"] = "open"
    logs: list["Log"] = field(default_factory=list)
    offsets: dict[int, Committed] = field(default_factory=dict)


@dataclass
class Entry:
    """One offset of a log: a record, or a marker without one."""

    record: MemoryRecord | None
    transaction: Transaction | None = None

    @property
    def visible(self) -> bool:
        """Whether a reader with read_committed gets it."""
        return self.record is not None and (self.transaction is None or self.transaction.state == "committed")


class Log:
    """One partition."""

    def __init__(self, max_bytes: int) -> None:
        self.low = 0
        self.entries: list[Entry] = []
        self.max_bytes = max_bytes

    @property
    def high(self) -> int:
        """The end, markers included."""
        return len(self.entries)

    def append(self, record: MemoryRecord | None, transaction: Transaction | None = None) -> None:
        """Write a record or a marker; raises Refused for one above max.message.bytes."""
        if record is not None and _bytes(record) > self.max_bytes:
            raise Refused(f"a record of {_bytes(record)} bytes: the topic takes {self.max_bytes}")
        self.entries.append(Entry(record, transaction))

    def settled(self) -> list[MemoryRecord]:
        """What read_committed will get once no transaction is open any more, if those that are will be aborted."""
        return [entry.record for entry in self.entries[self.low :] if entry.visible and entry.record is not None]

    def read(self, start: int) -> Iterator[MemoryRecord]:
        """What read_committed gets from an offset on: nothing at or after the first open transaction."""
        for entry in self.entries[max(start, self.low) :]:
            if entry.transaction is not None and entry.transaction.state == "open":
                return
            if entry.visible and entry.record is not None:
                yield entry.record


@dataclass
class Producer:
    """What the transaction coordinator knows of a transactional id."""

    epoch: int = 0
    transaction: Transaction | None = None


class MemoryKafka:
    """One cluster with one group on the topic `source`; all requests go through `network`."""

    def __init__(self, network: Network, source: str, partitions: int) -> None:
        self.network = network
        self.topics: dict[str, list[Log]] = {}
        self.create(source, partitions)
        self.group = Group(partitions)
        self.committed: dict[int, Committed] = {}
        self.checks_members = True
        self._producers: dict[str, Producer] = {}

    def create(self, topic: str, partitions: int, max_bytes: int = 1_114_124) -> None:
        """Make a topic."""
        self.topics[topic] = [Log(max_bytes) for _ in range(partitions)]

    def add_partition(self, topic: str) -> None:
        """Make a topic wider."""
        self.topics[topic].append(Log(self.topics[topic][0].max_bytes))

    def add(self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers | None) -> int:
        """Write a record outside of any transaction; its offset."""
        log = self.topics[topic][partition]
        log.append(MemoryRecord((partition, log.high), key, value, headers, 1_700_000_000_000))
        return log.high - 1

    def stable(self, partitions: Collection[int]) -> dict[int, Committed]:
        """The group's committed offsets; raises Unavailable while a transaction over any of them is open."""
        open_ones = (p.transaction for p in self._producers.values() if p.transaction is not None)
        if any(partition in transaction.offsets for transaction in open_ones for partition in partitions):
            raise Unavailable("the twin: unstable offsets")
        return {partition: at for partition, at in self.committed.items() if partition in partitions}

    def init(self, transactional_id: str) -> int:
        """Abort what was left open and fence whoever left it; the new epoch."""
        producer = self._producers.setdefault(transactional_id, Producer())
        producer.epoch += 1
        self._end(producer, commit=False)
        return producer.epoch

    def write(self, transactional_id: str, epoch: int, topic: str, record: MemoryRecord) -> None:
        """Append a record in the open transaction, which begins with the first."""
        transaction = self._begun(transactional_id, epoch)
        log = self.topics[topic][record.partition()]
        log.append(record, transaction)
        if log not in transaction.logs:
            transaction.logs.append(log)

    def send_offsets(
        self, transactional_id: str, epoch: int, offsets: Mapping[int, Committed], member: Membership
    ) -> None:
        """Add input offsets to the transaction; raises Fenced, or Stale for a former membership (KIP-447)."""
        transaction = self._begun(transactional_id, epoch)
        if self.checks_members:
            self.group.check(member)
        transaction.offsets |= offsets

    def end(self, transactional_id: str, epoch: int, *, commit: bool) -> None:
        """End the open transaction of this epoch: whichever it is, as in Kafka before KIP-890's second part."""
        self._end(self._current(transactional_id, epoch), commit)

    def time_out(self) -> None:
        """Abort all open transactions and fence their producers, as `transaction.timeout.ms` does."""
        for producer in self._producers.values():
            if producer.transaction is not None:
                producer.epoch += 1
                self._end(producer, commit=False)

    def _current(self, transactional_id: str, epoch: int) -> Producer:
        producer = self._producers[transactional_id]
        if producer.epoch != epoch:
            raise Fenced(f"the twin: epoch {epoch} of {transactional_id} is over")
        return producer

    def _begun(self, transactional_id: str, epoch: int) -> Transaction:
        producer = self._current(transactional_id, epoch)
        if producer.transaction is None:
            producer.transaction = Transaction()
        return producer.transaction

    def _end(self, producer: Producer, commit: bool) -> None:
        transaction, producer.transaction = producer.transaction, None
        if transaction is None:
            return
        transaction.state = "committed" if commit else "aborted"
        for log in transaction.logs:
            log.append(None)
        if commit:
            self.committed |= transaction.offsets


def _bytes(record: MemoryRecord) -> int:
    named = sum(len(name.encode()) + len(value or b"") for name, value in record.given_headers or ())
    return len(record.given_key or b"") + len(record.given_value or b"") + named + 70
