"""Workers, sinks and sources with one thing wrong each: a model that can't tell them from the right ones is no good."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec import structs

from processor.counting import Counting
from processor.counts.store import Applied, Move
from processor.errors import Unavailable
from processor.kafka.offsets import Committed
from processor.logins import cursors
from processor.logins.batch import Batch, Part, parts
from processor.logins.count import tally
from processor.logins.pile import Change, Pile
from processor.settings import WorkerSettings
from processor.worker import Worker
from tests.model.world import Parts
from tests.twins.counts import MemoryCountStore
from tests.twins.group import Membership
from tests.twins.output import MemoryOutput
from tests.twins.source import MemorySource


class BlindStore(MemoryCountStore):
    """Adds and moves without comparing the cursors."""

    def apply(self, shard: int, moves: Sequence[Move], users: Mapping[str, int]) -> Applied:
        at = self._ready(shard)
        at.counts = dict(Counter(at.counts) + Counter(users))
        at.cursors |= {move.partition: move.end for move in moves if move.end is not None}
        at.users = len(at.counts)
        return Applied()


class CommitsThePosition(Worker):
    """Commits up to where it has read, also while only the counts catch up."""

    def _write(self, batches: list[Batch]) -> None:
        ends = {b.part.partition: (b.part.end, str(self.places[b.part.partition].origin)) for b in batches}
        lacking = [b for b in batches if b.part.end > self.places[b.part.partition].committed]
        new = [batch.since(self.places[batch.part.partition].committed) for batch in lacking]
        self._output.write(new, ends, self._source.membership())


class WritesAllOfABatch(Worker):
    """Forgets that the output may have the first part of a batch already."""

    def _write(self, batches: list[Batch]) -> None:
        lacking = [b for b in batches if b.part.end > self.places[b.part.partition].committed]
        ends = {b.part.partition: (b.part.end, str(self.places[b.part.partition].origin)) for b in lacking}
        if lacking:
            self._output.write(lacking, ends, self._source.membership())


class CountsFirst(Worker):
    """Has a batch counted before its transaction is committed."""

    def _process(self, batches: list[Batch]) -> None:
        for batch in batches:
            self._counting.add(batch)
        self._counting.settle(1.0)
        try:
            self._write(batches)
        except Unavailable as problem:
            self._aborts.failed(problem)
            self._counting.forget()
            return
        for batch in batches:
            place = self.places[batch.part.partition]
            place.expected = batch.part.end
            place.committed = max(place.committed, batch.part.end)


class RemembersItsPlace(Worker):
    """Goes back to where it believes to be after an abort, instead of looking both positions up."""

    def _process(self, batches: list[Batch]) -> None:
        try:
            self._write(batches)
        except Unavailable:
            self._source.seek(self._expected())
            return
        for batch in batches:
            place = self.places[batch.part.partition]
            place.expected = batch.part.end
            place.committed = max(place.committed, batch.part.end)
            self._counting.add(batch)


class SkipsAfterAnAbort(Worker):
    """Goes on with the next batch after an abort."""

    def _write(self, batches: list[Batch]) -> None:
        with suppress(Unavailable):
            super()._write(batches)


class SkipsWhatIsHeldBack(Worker):
    """Goes on behind the records that the breaker held back."""

    def _allowed(self, batches: list[Batch]) -> list[Batch]:
        ends = {batch.part.partition: batch.part.end for batch in batches}
        return [
            structs.replace(batch, part=structs.replace(batch.part, end=ends[batch.part.partition]))
            for batch in super()._allowed(batches)
        ]


class TakesWhatFollows(Worker):
    """Takes records of a partition behind what the breaker held back, when it may go on."""

    def go_on(self, partitions: Collection[int]) -> None:
        for partition in partitions:
            self._breaker.resume(partition)
        self._held -= set(partitions)
        self._source.seek({})


class KeepsThePile(Counting):
    """Takes what was piled up along when it begins anew."""

    kept: Sequence[Mapping[str, int]] = ()

    def forget(self) -> None:
        self.kept = self._pile._sums or self.kept
        super().forget()

    def begin(self, cursors: Sequence[Mapping[int, int | None]]) -> None:
        super().begin(cursors)
        for sums, more in zip(self._pile._sums, self.kept, strict=False):
            sums.update(more)


class HearsOldAnswers(Counting):
    """Takes the answer of an apply from before it began anew for the answer to the present one."""

    def forget(self) -> None:
        call = self._call
        super().forget()
        self._call = call


class NeverIdle(Counting):
    """Does not compare cursors while nothing is to be counted."""

    def __init__(self, store: Any, settings: WorkerSettings, *others: Any) -> None:
        super().__init__(store, structs.replace(settings, idle_seconds=1e9), *others)


class TakesRefusalsForSuccess(Counting):
    """Goes on after a conflict as if the changes had been applied."""

    def forget(self) -> None:
        if self._changes and not self.lost:
            self._changes.pop(0)
        else:
            super().forget()


class OneCursorStays(Pile):
    """Moves no cursor of the last shard."""

    def take(self) -> list[Change]:
        *changes, last = super().take()
        return [*changes, structs.replace(last, ends=last.starts)]


class StartsAtTheFirstRecord(Pile):
    """Moves a cursor from the first record's offset, not from where it stands."""

    def add(self, batch: Batch) -> None:
        for starts, ends in zip(self._starts, self._ends, strict=True):
            if starts == ends and ends[batch.part.partition] is not None:
                starts[batch.part.partition] = batch.part.records[0].offset()
        super().add(batch)


class NamesNoIdlePartition(Pile):
    """Compares only the cursors that move."""

    def take(self) -> list[Change]:
        return [self._moving(change) for change in super().take()]

    def _moving(self, change: Change) -> Change:
        moving = {p for p, end in change.ends.items() if change.starts[p] != end}
        starts, ends = ({p: at[p] for p in moving} for at in (change.starts, change.ends))
        return structs.replace(change, starts=starts, ends=ends)


class CountsAlikeInAllShards(Pile):
    """Takes it that all shards stand at the same offset."""

    def add(self, batch: Batch) -> None:
        partition, end = batch.part.partition, batch.part.end
        least = min(ends[partition] or 0 for ends in self._ends)
        if least < end:
            for sums, more in zip(self._sums, tally(batch.since(least).user_ids(), len(self._sums)), strict=True):
                sums.update(more)
        for ends in self._ends:
            ends[partition] = max(ends[partition] or 0, end)


class LeakyMembership(MemorySource):
    """Commits under the group's present generation, whatever this process's own is."""

    def membership(self) -> Membership:
        group = self._kafka.group
        members = {name: Membership(name, member.number, group.generation) for name, member in group.members.items()}
        return members.get(self._instance) or next(iter(members.values()), super().membership())


class UnstableOffsets(MemorySource):
    """Reads committed offsets without waiting for open transactions."""

    def committed(self) -> Mapping[int, Committed]:
        return dict(self._kafka.committed)


class KeepsItsProducer(MemoryOutput):
    """Aborts and goes on with the same epoch after an unknown outcome."""

    def _unknown(self) -> None:
        if self._epoch is not None:
            self._kafka.end(self._id, self._epoch, commit=False)


def _starts_at(choose: Callable[[cursors.Positions, cursors.Start], int]) -> dict[str, Any]:
    def start(at: cursors.Positions, accept_gap: bool) -> cursors.Start | cursors.Lost:
        judged = cursors.start(at, accept_gap)
        return structs.replace(judged, offset=choose(at, judged)) if isinstance(judged, cursors.Start) else judged

    return {"processor.worker.start": start}


def _known(at: cursors.Positions, start: cursors.Start) -> int:
    return min([start.committed, *(c for c in at.cursors if c is not None)])


def _one_stands(found: Mapping[int, int | None], change: Change) -> bool:
    return any(found[partition] == end for partition, end in change.ends.items())


def _with_dead_letters(batch: Batch) -> list[str]:
    return [user if isinstance(user, str) else "user-0" for user in batch.users]


def _one_short(records: Any, expected: dict[int, int]) -> list[Part]:
    return [structs.replace(part, end=part.end - 1) for part in parts(records, expected)]


MUTANTS = {
    "no compare-and-set": Parts(store=BlindStore),
    "commits its position": Parts(worker=CommitsThePosition),
    "writes all of a batch": Parts(worker=WritesAllOfABatch),
    "counts before the commit": Parts(worker=CountsFirst),
    "does not look its place up after an abort": Parts(worker=RemembersItsPlace),
    "skips a batch that was aborted": Parts(worker=SkipsAfterAnAbort),
    "skips what the breaker held back": Parts(worker=SkipsWhatIsHeldBack),
    "goes on behind what the breaker held back": Parts(worker=TakesWhatFollows),
    "keeps the pile after a refusal": Parts(counting=KeepsThePile),
    "hears answers from before": Parts(counting=HearsOldAnswers),
    "compares nothing while idle": Parts(counting=NeverIdle),
    "takes refusals for success": Parts(counting=TakesRefusalsForSuccess),
    "one shard's cursor stays": Parts(replaced={"processor.counting.Pile": OneCursorStays}),
    "moves from the first record": Parts(replaced={"processor.counting.Pile": StartsAtTheFirstRecord}),
    "names no idle partition": Parts(replaced={"processor.counting.Pile": NamesNoIdlePartition}),
    "counts alike in all shards": Parts(replaced={"processor.counting.Pile": CountsAlikeInAllShards}),
    "takes one cursor at its end for all": Parts(replaced={"processor.counting._stands": _one_stands}),
    "counts dead letters": Parts(replaced={"processor.logins.batch.Batch.user_ids": _with_dead_letters}),
    "commits the last offset, not the next": Parts(replaced={"processor.worker.parts": _one_short}),
    "starts at the committed offset": Parts(replaced=_starts_at(lambda _at, start: start.committed)),
    "takes no cursor for nothing to count": Parts(replaced=_starts_at(_known)),
    "commits under any membership": Parts(source=LeakyMembership),
    "reads unstable offsets": Parts(source=UnstableOffsets),
    "keeps its producer": Parts(output=KeepsItsProducer),
}
