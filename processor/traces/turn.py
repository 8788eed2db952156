"""What one turn of a worker did, as it is noted while it goes on: some times and references, nothing a record."""

from collections.abc import Mapping, Sequence
from time import time_ns
from typing import NamedTuple

from msgspec import Struct

from processor.counts.store import Applied, Conflict, Move
from processor.kafka.phases import Phases
from processor.logins.batch import Batch


class Lap(NamedTuple):
    """A phase, in nanoseconds since the epoch."""

    phase: str
    began: int
    ended: int


class Turn:
    """The decoding and the transaction of one turn; `batches` is empty where it wrote nothing."""

    def __init__(self) -> None:
        self.laps: list[Lap] = []
        self.batches: Sequence[Batch] = ()
        self.problem = ""
        self._decoding: tuple[int, int] | None = None

    def decoded(self, began: int) -> None:
        """A part was decoded just now, since `began`; all parts of a turn are one lap."""
        self._decoding = (began if self._decoding is None else self._decoding[0], time_ns())

    def writes(self, batches: Sequence[Batch]) -> "TimedPhases":
        """Its transaction begins."""
        self.batches = batches
        if self._decoding is not None:
            self.laps.append(Lap("decode", *self._decoding))
        return TimedPhases(self.laps)


class TimedPhases(Phases):
    """A transaction's phases, which are noted too."""

    def __init__(self, laps: list[Lap]) -> None:
        super().__init__()
        self._laps = laps
        self._began = time_ns()

    def over(self, phase: str) -> None:
        """This phase is over."""
        super().over(phase)
        now = time_ns()
        self._laps.append(Lap(phase, self._began, now))
        self._began = now


class Apply(Struct, frozen=True):
    """One apply of counts, and how it ended."""

    shard: int
    moves: Sequence[Move]
    users: int
    began: int
    ended: int
    outcome: str  # applied, conflict, or the error's name


def outcome(answer: Applied | Conflict, moves: Sequence[Move]) -> str:
    """What an answer means: all cursors at their ends is what an earlier try did, whose answer was lost."""
    if isinstance(answer, Conflict) and any(answer.cursors.get(move.partition) != move.end for move in moves):
        return "conflict"
    return "applied"


class Extent(Struct):
    """One partition's share of a transaction."""

    first: int
    end: int
    records: int
    rejected: int


def extents(batches: Sequence[Batch]) -> Mapping[int, Extent]:
    """Each partition's; of a partition there may be several batches, in order."""
    found: dict[int, Extent] = {}
    for batch in batches:
        part = batch.part
        one = found.setdefault(part.partition, Extent(part.records[0].offset() or 0, 0, 0, 0))
        one.end, one.records, one.rejected = part.end, one.records + len(part.records), one.rejected + batch.rejected
    return found
