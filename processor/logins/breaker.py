"""Stops a partition whose records are nearly all malformed: a producer gone wrong must not fill the dead letters."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from processor.logins.batch import Batch
from processor.logins.records import Rejected


class Stopped(Struct, frozen=True):
    """Where a partition was stopped, and why: so many of so many records in a row are malformed."""

    partition: int
    offset: int  # of the first record that was held back
    rejected: int
    records: int
    reason: str  # the most frequent one


class Breaker:
    """Decides how much of a batch may go out.

    The promise: of any `records` records in a row of a partition, at most `records * share` become dead letters,
    however they are divided into batches. The record that would be one more is held back with all that follow, and
    with it both positions: nothing is lost, nothing skipped.

    A process knows what it took itself and begins afresh otherwise: each restart, and each new owner, lets as many
    through again. So does `resume`, until once the last `records` since then hold no more than that.
    """

    def __init__(self, records: int, share: float) -> None:
        self.stopped: dict[int, Stopped] = {}
        self._records = records
        self._allowed = int(records * share + 1e-9)  # 0.29 * 100 is a little less than 29
        self._windows: dict[int, _Window] = {}

    def begin(self, committed: Mapping[int, int]) -> None:
        """Keep what is known of these partitions, unless somebody else worked on them meanwhile."""
        self._windows = {p: w for p, w in self._windows.items() if p in committed and committed[p] <= w.end}
        self.stopped = {p: stopped for p, stopped in self.stopped.items() if p in self._windows}

    def limit(self, batch: Batch, committed: int) -> Batch:
        """The batch, or as much of it as may go out; what lies below `committed` went out before.

        Looked at a second time, after an abort, a record counts once. Without malformed ones this costs nothing.
        """
        partition, end = batch.part.partition, batch.part.end
        if not self._records:
            return batch
        if partition not in self.stopped:
            self._look(batch, committed)
        stopped = self.stopped.get(partition)
        return batch if stopped is None or end <= stopped.offset else batch.before(stopped.offset)

    def resume(self, partition: int) -> None:
        """A person said to go on: it is not stopped again before its records were better once."""
        if self.stopped.pop(partition, None):
            window = self._windows[partition]
            window.lenient_since = window.seen

    def _look(self, batch: Batch, committed: int) -> None:
        window = self._windows.setdefault(batch.part.partition, _Window())
        start = max(window.end, committed)
        if start >= batch.part.end:
            return
        window.end = batch.part.end
        new = batch.since(start)
        over = window.take(new, self._records, self._allowed)
        if over is not None:
            window.end = new.part.records[over].offset() or 0
            self.stopped[batch.part.partition] = self._why(window, new, over)

    def _why(self, window: "_Window", batch: Batch, over: int) -> Stopped:
        one_more: Any = batch.users[over]
        reasons = Counter([*(reason for _, reason in window.rejected), one_more.reason])
        records = min(self._records, window.seen + 1)
        return Stopped(batch.part.partition, window.end, reasons.total(), records, reasons.most_common(1)[0][0])


class _Window(Struct):
    """What went out of one partition lately; records are numbered as they went."""

    end: int = 0  # the offset after the last
    seen: int = 0  # how many
    rejected: deque[tuple[int, str]] = field(default_factory=deque)  # numbers and reasons, of the latest ones
    lenient_since: int | None = None  # the number of the first record after a person said to go on

    def take(self, batch: Batch, records: int, allowed: int) -> int | None:
        """Take a batch in, up to the record that is one too many; its place in the batch, None if there is none."""
        first, size = self.seen, len(batch.users)
        self.seen += size
        if self.lenient_since is None and len(self.rejected) + batch.rejected <= allowed:
            latest = max(0, size - records) if batch.rejected else size  # all that the next batch has to know
            self.rejected.extend(_rejected(batch, latest, first))
            self._forget(self.seen - records)
            return None
        for at, user in enumerate(batch.users):
            if not self._takes(first + at, user, records, allowed):
                self.seen = first + at
                return at
        return None

    def _takes(self, number: int, user: object, records: int, allowed: int) -> bool:
        self._forget(number + 1 - records)
        if type(user) is Rejected:
            if self.lenient_since is None and len(self.rejected) >= allowed:
                return False
            self.rejected.append((number, user.reason))
        if self.lenient_since is not None and number + 1 - self.lenient_since >= records:
            self.lenient_since = None if len(self.rejected) <= allowed else self.lenient_since
        return True

    def _forget(self, number: int) -> None:
        """Forget what lies before this number."""
        while self.rejected and self.rejected[0][0] < number:
            self.rejected.popleft()


def _rejected(batch: Batch, start: int, first: int) -> list[tuple[int, str]]:
    users = batch.users[start:]
    return [(first + at, user.reason) for at, user in enumerate(users, start) if type(user) is Rejected]
