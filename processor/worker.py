"""A worker: takes logins, writes what they become in one transaction, and has them counted."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct

from processor.clock import Clock
from processor.counting import Counting
from processor.errors import NotReady, PositionLost, Unavailable
from processor.faults import reach
from processor.log import event
from processor.logins.batch import PART_RECORDS, Batch, Part, Record, parts
from processor.logins.breaker import Breaker, Stopped
from processor.logins.cursors import Lost, Positions, Start, start
from processor.logins.outline import outlined
from processor.metrics.meter import polled, spent
from processor.outage import Outage
from processor.seams import Committed, Output, Source
from processor.settings import WorkerSettings
from processor.tally import idle, processed

_PATIENCE_SECONDS = 30.0  # an end may lag behind for so long after a fail-over
_PAUSED_SECONDS = 0.05  # of one poll that expects no records
_POLL_RECORDS = PART_RECORDS  # what is taken at once is judged at once
_LEAST_SECONDS = 0.02  # of gathering a batch: of 5 ms, so many transactions came that the slowest waited longer


class Place(Struct):
    """Where one partition stands: the next record expected, and from where the output lacks records."""

    expected: int
    committed: int
    origin: int


class Worker:
    """Owns some partitions and moves them on, a turn at a time."""

    def __init__(
        self,
        source: Source,
        output: Output,
        counting: Counting,
        judge: Callable[[Part], Batch],
        settings: WorkerSettings,
        clock: Clock = time,
    ) -> None:
        self.places: dict[int, Place] = {}
        self.progressed = False  # whether a batch was committed since the start
        self._source = source
        self._output = output
        self._counting = counting
        self._judge = judge
        self._settings = settings
        self._clock = clock
        self._breaker = Breaker(settings.breaker_records, settings.breaker_share)
        self._held: set[int] = set()  # stopped, and all below that is processed or on its way
        self._outage = Outage("finding where to start", clock)
        self._aborts = Outage("writing transactions", clock)
        self._impatient: float | None = None
        self._gathering = settings.batch_seconds

    def turn(self) -> None:
        """Poll; find the place when it was lost; else process what came and have it counted."""
        judged = self._gather()
        if self._source.moved or self._counting.lost:
            self.places = {}
            self._find_place()
            spent("place")
            return
        batches = self._allowed(judged)
        if batches:
            self._process(batches)
        self._counting.turn()
        if batches:
            spent("count")

    @property
    def stopped(self) -> Mapping[int, Stopped]:
        """The partitions that wait for a person: nearly all of their records are malformed."""
        return self._breaker.stopped

    def go_on(self, partitions: Collection[int]) -> None:
        """Take these up again: a person said so."""
        for partition in partitions:
            self._breaker.resume(partition)
        if partitions:
            self._counting.forget()  # so that the place is looked up, and every partition sought

    def leaving(self) -> None:
        """Before partitions are given up: have everything counted, within a budget."""
        self._counting.settle(self._settings.drain_seconds / 5)

    def drain(self) -> bool:
        """Before the exit: have everything counted; whether it is."""
        return self._counting.settle(self._settings.drain_seconds / 3)

    def positions(self) -> dict[int, int]:
        """What each partition expects next; empty while nothing may be taken, for a good reason."""
        return {} if self._counting.full else self._expected()

    def _expected(self) -> dict[int, int]:
        return {partition: place.expected for partition, place in self.places.items() if partition not in self._held}

    def _gather(self) -> list[Batch]:
        """Poll and judge, a part at a time, until a transaction is full, or nothing more comes in its time."""
        following, judged = self._expected(), []
        if self._counting.full or not self.places:
            self._source.pause()
            judged += self._judged(self._source.poll(1, _PAUSED_SECONDS), following)
            spent("count" if self._counting.full else "place" if self._source.owned else "wait")
            return judged
        self._source.resume()
        left, until = self._settings.batch_records, self._clock.monotonic() + self._gathering
        while left > 0 and not self._source.moved and not self._counting.lost:
            asked = min(left, _POLL_RECORDS)
            records = self._source.poll(asked, max(0.0, until - self._clock.monotonic()))
            polled()
            judged += self._judged(records, following)
            spent("decode")
            left = left - asked if len(records) == asked else 0
        if not judged:
            idle(following)
        return judged

    def _judged(self, records: Sequence[Record], following: dict[int, int]) -> list[Batch]:
        """What these records became; `following` moves behind them."""
        made = [outlined(self._judge(part)) for part in parts(records, following)]
        following.update({batch.part.partition: batch.part.end for batch in made})
        return made

    def _allowed(self, batches: list[Batch]) -> list[Batch]:
        """Hold a partition where its dead letters would become too many; both its positions stay before that record."""
        kept = [self._breaker.limit(batch, self.places[batch.part.partition].committed) for batch in batches]
        held = {after.part.partition for before, after in zip(batches, kept, strict=True) if after is not before}
        if held:
            self._held |= held
            self._source.hold(held)
        return [batch for batch in kept if batch.part.records]

    def _process(self, batches: list[Batch]) -> None:
        """Commit what the output lacks; only then count: a cursor never leads because of an abort."""
        reach("worker.after-poll")
        began = self._clock.monotonic()
        try:
            self._write(batches)
        except Unavailable as problem:
            self._aborts.failed(problem)
            self._counting.forget()
            return
        self._aborts.ended()
        self._gather_for(self._clock.monotonic() - began)
        self.progressed = True
        reach("worker.after-commit")
        processed(batches, {p: place.committed for p, place in self.places.items()})
        for batch in batches:
            place = self.places[batch.part.partition]
            place.expected = batch.part.end
            place.committed = max(place.committed, batch.part.end)
            self._counting.add(batch)

    def _gather_for(self, transaction: float) -> None:
        """Gather the next batch for as long as the last transaction took: they never take more than half the time.

        So a login waits little where transactions are quick, and they are fewer where brokers are busy. A full batch
        is taken at once.
        """
        self._gathering = min(max(transaction, _LEAST_SECONDS), self._settings.batch_seconds)

    def _write(self, batches: list[Batch]) -> None:
        places = self.places
        lacking = [batch for batch in batches if batch.part.end > places[batch.part.partition].committed]
        if not lacking:
            return  # the output has all of it: the counts are catching up
        ends = {b.part.partition: (b.part.end, str(places[b.part.partition].origin)) for b in lacking}
        new = [batch.since(places[batch.part.partition].committed) for batch in lacking]
        self._output.write(new, ends, self._source.membership())

    def _find_place(self) -> None:
        """Look both sinks' positions up for all owned partitions and seek to the lower (DESIGN, Two sinks).

        1. Settle what a former producer left open. 2. Read both positions. 3. Refuse what does not fit. 4. Seek.
        """
        self._source.pause()
        self._counting.forget()
        if not self._source.owned or not self._outage.over or not self._aborts.over:
            return
        try:
            self._output.ready()
            cursors = [{p: each.get(p) for p in self._source.owned} for each in self._counting.cursors()]
            starts = self._starts(cursors)
            if starts is not None:
                self._source.seek({partition: start.offset for partition, start in starts.items()})
                self._begin(starts, cursors)
        except (Unavailable, NotReady) as problem:
            self._outage.failed(problem)

    def _begin(self, starts: Mapping[int, Start], cursors: Sequence[Mapping[int, int | None]]) -> None:
        self.places = {p: Place(at.offset, at.committed, at.origin) for p, at in starts.items()}
        self._counting.begin(cursors)
        self._breaker.begin({p: at.committed for p, at in starts.items()})
        self._held = set()  # what is stopped will be held again by its next record
        self._outage.ended()
        self._impatient = None
        event("started", partitions={p: at.offset for p, at in starts.items()})

    def _starts(self, cursors: Sequence[Mapping[int, int | None]]) -> dict[int, Start] | None:
        """Each partition's start; None when one must be looked at again in a moment."""
        committed, bounds = self._source.committed(), self._source.bounds()
        found: dict[int, Start] = {}
        for partition in sorted(self._source.owned):
            if partition not in bounds:
                raise Unavailable(f"Kafka: partition {partition} has no leader yet")
            positions = _positions(partition, committed.get(partition), cursors, bounds[partition])
            judged = start(positions, self._settings.accept_gap)
            if isinstance(judged, Lost):
                self._refuse(judged)
                return None
            found[partition] = judged
            if judged.gap:
                event("records lost to retention", partition=partition, records=judged.gap)
        return found

    def _refuse(self, lost: Lost) -> None:
        now = self._clock.monotonic()
        self._impatient = self._impatient or now
        if not lost.may_pass or now - self._impatient > _PATIENCE_SECONDS:
            raise PositionLost(lost.message)
        self._outage.failed(Unavailable(lost.message))


def _positions(
    partition: int,
    committed: Committed | None,
    cursors: Sequence[Mapping[int, int | None]],
    bounds: tuple[int, int],
) -> Positions:
    origin = int(committed.metadata) if committed is not None and committed.metadata.isdigit() else None
    offset = None if committed is None else committed.offset
    return Positions(partition, offset, origin, [each.get(partition) for each in cursors], *bounds)
