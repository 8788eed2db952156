"""Processed logins held against the input: each valid login has exactly one, and a partition's are in its order.

Where input and output have the same number of partitions, an output belongs to its own partition and the n-th one there
to the n-th valid login. Where they differ, keys decide the partition, and outputs are compared as a multiset.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec import Struct

from processor.audit.findings import Difference, Findings
from processor.audit.fingerprints import user_of
from processor.audit.shelf import Recent, Shelf
from processor.logins.batch import Record

TOGETHER = -1  # the lane of all partitions, where their numbers differ


class Expected(NamedTuple):
    """A valid login, at its place in the input."""

    partition: int
    offset: int
    user: str


class Found(NamedTuple):
    """An output, at its place in processed-logins."""

    partition: int
    offset: int
    user: str | None = None
    key: bytes | None = None
    again: bool = False  # its like was matched shortly before


class Ahead(Struct, frozen=True, array_like=True):
    """An output whose login lies at or after the offset up to which the audit answers for everything."""

    lane: int
    fingerprint: bytes
    partition: int
    offset: int


class Lane:
    """Logins and outputs that are to be matched with each other, under their fingerprints."""

    def __init__(self, *, ordered: bool) -> None:
        self.waiting: Shelf[bytes, Expected] = Shelf()
        self.early: Shelf[bytes, Found] = Shelf()  # the input is not read so far yet, or nothing explains them
        self.recent: Recent[bytes] = Recent()
        self._ordered = ordered
        self._last = (-1, -1)  # the greatest login matched so far, and its output

    def in_order(self, login: int, output: int) -> bool:
        """Note a match of two offsets; whether it continues the order.

        Both sides come in rising offset, so two records in order are matched in order, whichever side is read first.
        """
        if not self._ordered:
            return True
        rising = login > self._last[0] and output > self._last[1]
        if login > self._last[0]:
            self._last = (login, output)
        return rising


class Outputs:
    """The matching, fed with both sides in any interleaving; `unmatched` judges what is left over at the end.

    `due` says up to which input offset every login must have its output; what lies beyond may have one.
    """

    def __init__(
        self, due: Mapping[int, int], findings: Findings, *, same_partitions: bool, ahead: Iterable[Ahead] = ()
    ) -> None:
        self.matched = 0
        self.ahead: list[Ahead] = []
        self.lanes: dict[int, Lane] = {}
        self.first: dict[int, int] = {}  # each output partition's first record that was matched
        self.same_partitions = same_partitions
        self._due = due
        self._findings = findings
        for one in ahead:
            self._lane(one.lane).early.put(one.fingerprint, Found(one.partition, one.offset))

    def expect(self, partition: int, logins: Iterable[tuple[int, str, bytes]]) -> None:
        """Take valid logins of a partition (offset, user, fingerprint), in their order."""
        lane = self._lane(partition)
        for offset, user, fingerprint in logins:
            login = Expected(partition, offset, user)
            output = lane.early.take(fingerprint)
            if output is None:
                lane.waiting.put(fingerprint, login)
            else:
                self._match(lane, fingerprint, login, output.partition, output.offset)

    def find(self, fingerprint: bytes, record: Record) -> None:
        """Take an output, each partition's in their order."""
        partition, offset = record.partition() or 0, record.offset() or 0
        lane = self._lane(partition)
        login = lane.waiting.take(fingerprint)
        if login is not None:
            self._match(lane, fingerprint, login, partition, offset)
        else:
            again = fingerprint in lane.recent
            lane.early.put(fingerprint, Found(partition, offset, user_of(record.value()), record.key(), again))

    @property
    def waiting(self) -> int:
        """How many logins have no output yet."""
        return sum(lane.waiting.size for lane in self.lanes.values())

    @property
    def early(self) -> int:
        """How many outputs have no login yet."""
        return sum(lane.early.size for lane in self.lanes.values())

    def overdue(self, lane: Lane) -> Iterator[tuple[bytes, Expected]]:
        """Yield the logins that have no output and must have one."""
        return ((fp, login) for fp, login in lane.waiting if not self._beyond(login))

    def _match(self, lane: Lane, fingerprint: bytes, login: Expected, partition: int, offset: int) -> None:
        """A login and the output that lies there belong together."""
        self.matched += 1
        if offset < self.first.get(partition, offset + 1):
            self.first[partition] = offset
        lane.recent.add(fingerprint)
        if not lane.in_order(login.offset, offset):
            self._findings.add(_disordered(login, partition, offset))
        if self._beyond(login):
            self.ahead.append(Ahead(self._name(login.partition), fingerprint, partition, offset))

    def _beyond(self, login: Expected) -> bool:
        return login.offset >= self._due.get(login.partition, 0)

    def _name(self, partition: int) -> int:
        return partition if self.same_partitions else TOGETHER

    def _lane(self, partition: int) -> Lane:
        name = self._name(partition)
        lane = self.lanes.get(name)
        if lane is None:
            lane = self.lanes[name] = Lane(ordered=self.same_partitions)
        return lane


def _disordered(login: Expected, partition: int, offset: int) -> Difference:
    said = f"is the output of input offset {login.offset}, and not in the input's order"
    return Difference("output-out-of-order", said, "processed", partition, offset, login.user)
