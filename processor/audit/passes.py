"""The pass over the log: every input record judged, held against the outputs, and counted for its user."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from processor.audit.begin import Begin, Noted
from processor.audit.fingerprints import expected, fingerprint, unstamped
from processor.audit.forgotten import Forgotten
from processor.audit.letters import Letters, digest
from processor.audit.live import Live
from processor.audit.outputs import TOGETHER, Outputs
from processor.audit.tally import Tally, by_shard
from processor.kafka.dead_letters import dead_letter
from processor.kafka.offsets import committed
from processor.kafka.reader import read
from processor.logins.batch import Batch, Record
from processor.logins.headers import UNREADABLE, ask
from processor.logins.records import Rejected
from processor.patience import persist

_LEAD = 20_000  # so many logins the input is read ahead of the outputs: what waits is kept in memory


class Outlet:
    """One output topic on its way through the audit: read a batch at a time, as the input goes on."""

    def __init__(self, batches: Iterator[Sequence[Record]], take: Callable[[Record], None]) -> None:
        self._batches = batches
        self._take = take

    def pull(self) -> bool:
        """Take the next batch; False at the end."""
        batch = next(self._batches, None)
        for message in batch or ():
            self._take(message)
        return batch is not None

    def drain(self) -> None:
        """Take all the rest."""
        while self.pull():
            pass


class LogPass:
    """Feeds what waits for the log: the two matchings and the shards' tallies. A matching that can't be is None."""

    def __init__(
        self,
        live: Live,
        begin: Begin,
        outputs: Outputs | None,
        letters: Letters | None,
        tallies: Sequence[Tally],
        forgotten: Forgotten,
    ) -> None:
        self._live = live
        self._begin = begin
        self._outputs = outputs
        self._letters = letters
        self._tallies = tallies
        self._forgotten = forgotten

    def run(self, at: Noted, advance: Callable[[int], None]) -> None:
        """Read the input up to every noted position, and the outputs up to their noted ends.

        1. The input, with the outputs in step. 2. The rest of the outputs. 3. The input beyond the committed offsets,
        as far as outputs were found that nothing explains yet: they were written while the audit was looking.
        """
        processed, letters = self._outlets(at)
        ends = last(at)
        for batch in self._live.judged(self._begin.lowest(), ends):
            self._expect(batch, count=True)
            advance(len(batch.part.records))
            while self._outputs and self._outputs.waiting > max(_LEAD, self._outputs.early) and processed.pull():
                pass
            while self._letters and self._letters.waiting > _LEAD and letters.pull():
                pass
        processed.drain()
        letters.drain()
        self._read_on(ends)

    def _outlets(self, at: Noted) -> tuple[Outlet, Outlet]:
        topics, begin = self._live.topics, self._begin
        processed = self._read(topics.processed, begin.processed, at.processed) if self._outputs else iter(())
        letters = self._read(topics.dead_letters, begin.dead_letters, at.dead_letters) if self._letters else iter(())
        return Outlet(processed, self._find), Outlet(letters, self._find_letter)

    def _read(
        self, topic: str, starts: Mapping[int, int], bounds: Mapping[int, tuple[int, int]]
    ) -> Iterator[Sequence[Record]]:
        return read(self._live.settings, topic, starts, {p: high for p, (_, high) in bounds.items()})

    def _expect(self, batch: Batch, *, count: bool) -> None:
        partition = batch.part.partition
        start = self._begin.input.get(partition, 0)
        rows = list(expected(batch))
        offsets = [offset for offset, _, _ in rows]
        if count:
            column = self._forgotten.counting(partition, (offsets, [user for _, user, _ in rows]))
            for tally, part in zip(self._tallies, by_shard(column, len(self._tallies)), strict=True):
                tally.add(partition, part)
        if self._outputs:
            self._outputs.expect(partition, rows[bisect_left(offsets, start) :])
        if self._letters and batch.rejected:
            self._expect_letters(batch, start)

    def _expect_letters(self, batch: Batch, start: int) -> None:
        limit = self._live.settings.output_max_bytes
        for record, why in zip(batch.part.records, batch.users, strict=True):
            offset = record.offset() or 0
            if isinstance(why, Rejected) and offset >= start and self._letters:
                made = dead_letter(self._live.topics.input, record, why, limit, self._live.redaction)
                found = digest(made.key, made.value, made.headers)
                self._letters.expect((batch.part.partition, offset), found)

    def _find(self, record: Record) -> None:
        if self._outputs:
            try:
                headers: Any = ask(record)
            except UNREADABLE:
                headers = [("", b"not UTF-8")]  # carried headers are UTF-8, so this is nobody's output
            self._outputs.find(fingerprint(record.key(), unstamped(record.value()), headers), record)

    def _find_letter(self, record: Record) -> None:
        if self._letters:
            self._letters.find(record, self._live.topics.input)

    def _read_on(self, ends: Mapping[int, int]) -> None:
        """Every output that was read was committed with its input, so the offsets of now lie beyond all of them."""
        wanted = self._unexplained(ends)
        if not wanted:
            return
        live = self._live
        further = persist(lambda: committed(live.cluster, live.settings.group, live.topics.input))
        starts = {p: ends.get(p, self._begin.input.get(p, 0)) for p in further}
        wanted_ends = {p: at.offset for p, at in further.items() if p in wanted}
        for batch in live.judged(starts, wanted_ends):
            self._expect(batch, count=False)
            if not self._unexplained(ends):
                break

    def _unexplained(self, ends: Mapping[int, int]) -> set[int]:
        """The input partitions that may explain outputs found before their input."""
        wanted = set(self._letters.early) if self._letters else set()
        for name, lane in self._outputs.lanes.items() if self._outputs else ():
            if lane.early.size:
                wanted |= set(self._begin.input) | set(ends) if name == TOGETHER else {name}
        return wanted


def last(at: Noted) -> dict[int, int]:
    """Up to where the input must be read for everything that was noted; never beyond its end."""
    ends = {}
    for partition, (_, high) in at.input.items():
        noted = [at.committed.get(partition, 0), *(shard.get(partition, 0) for shard in (*at.checkpoint, *at.cursors))]
        ends[partition] = min(max(noted), high)
    return ends
