"""Mutants that put something else into processed-logins, the dead letters or the committed offsets."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any

from tests.chaos.mutants.kinds import mutant, replace

_ENDS = Mapping[int, tuple[int, str]]


@mutant("processor.worker", 16, 17, 19)
def commits_the_position(worker: ModuleType) -> None:
    """A worker commits up to where it has read, also while only the counts catch up behind the committed offset.

    Shown by a worker killed while it catches up with a Redis that came back older.
    """

    def write(self: Any, batches: Sequence[Any]) -> None:
        places = self.places
        ends = {b.part.partition: (b.part.end, str(places[b.part.partition].origin)) for b in batches}
        lacking = [b for b in batches if b.part.end > places[b.part.partition].committed]
        new = [b.since(places[b.part.partition].committed) for b in lacking]
        self._output.write(new, ends, self._source.membership())

    replace(worker.Worker, "_write", write)


@mutant("processor.worker", 16, 17, 19)
def writes_all_of_a_batch(worker: ModuleType) -> None:
    """A batch that the output has the first part of is written whole.

    Shown by a Redis that came back older, when a batch spans the committed offset.
    """

    def write(self: Any, batches: Sequence[Any]) -> None:
        places = self.places
        lacking = [b for b in batches if b.part.end > places[b.part.partition].committed]
        ends = {b.part.partition: (b.part.end, str(places[b.part.partition].origin)) for b in lacking}
        if lacking:
            self._output.write(lacking, ends, self._source.membership())

    replace(worker.Worker, "_write", write)


@mutant("processor.kafka.output", 1, 2)
def commits_offsets_in_a_transaction_of_their_own(output: ModuleType) -> None:
    """First the records are committed, then, in a second transaction, the offsets that they came from.

    Shown by a kill between the two.
    """
    sound = output.Output.write

    def write(self: Any, batches: Sequence[Any], ends: _ENDS, membership: Any) -> None:
        sound(self, batches, {}, membership)
        sound(self, [], ends, membership)

    replace(output.Output, "write", write)


@mutant("processor.kafka.output", 1, 2, 6)
def commits_the_last_offset(output: ModuleType) -> None:
    """What is committed is the offset of the last record, not the next one.

    Shown by any start of a worker.
    """
    sound = output.Output.write

    def write(self: Any, batches: Sequence[Any], ends: _ENDS, membership: Any) -> None:
        sound(self, batches, {p: (end - 1, origin) for p, (end, origin) in ends.items()}, membership)

    replace(output.Output, "write", write)


@mutant("processor.kafka.output", 1, 2)
def writes_dead_letters_outside_the_transaction(output: ModuleType) -> None:
    """Dead letters go out at once, by a producer of their own.

    Shown by a kill before the commit: they are written again.
    """
    sound = output.Output._dead_letters
    transactional = {"transactional.id", "transaction.timeout.ms", "error_cb", "stats_cb", "statistics.interval.ms"}
    plain: list[Any] = []

    def dead_letters(self: Any, _producer: Any, batch: Any) -> None:
        if not plain:
            properties = {key: value for key, value in self._properties.items() if key not in transactional}
            plain.append(output.Producer(properties))
        sound(self, plain[0], batch)
        plain[0].flush(10)

    replace(output.Output, "_dead_letters", dead_letters)


@mutant("processor.kafka.output", 12)
def keeps_its_producer(output: ModuleType) -> None:
    """After an unknown outcome, or a request that may have been sent twice, a worker goes on with the same producer.

    Shown by an EndTxn that arrives late and ends a later transaction (Jepsen, "Bufstream 0.1.0").
    """

    def keep(self: Any, _cause: str, why: str) -> None:
        output.event("producer kept", why=why)
        with suppress(output.KafkaException):
            self._producer.abort_transaction(output.REQUEST_SECONDS)
        self._disturbed = False

    replace(output.Output, "_replace", keep)


@mutant("processor.worker", 1, 2)
def counts_before_the_commit(worker: ModuleType) -> None:
    """A batch is counted first and written to Kafka after.

    Shown by a kill before the commit: the cursor is ahead of the committed offset, or there is none to start from.
    """

    def process(self: Any, batches: Sequence[Any]) -> None:
        for batch in batches:
            self._counting.add(batch)
        self._counting.settle(1.0)
        try:
            self._write(batches)
        except worker.Unavailable as problem:
            self._aborts.failed(problem)
            self._counting.forget()
            return
        self._aborts.ended()
        for batch in batches:
            place = self.places[batch.part.partition]
            place.expected = batch.part.end
            place.committed = max(place.committed, batch.part.end)

    replace(worker.Worker, "_process", process)
