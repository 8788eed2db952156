"""What the looks at the pool mean: what comes in, how far it is behind, and what a worker can do."""

from bisect import bisect_right
from collections import deque
from collections.abc import Collection, Mapping

from msgspec import Struct

_HISTORY_SECONDS = 600.0  # a lag that is older than the first look is estimated
_RECENT_SECONDS = 20.0  # what comes in is averaged over so long: longer than a rebalance, shorter than a person waits
_MOMENT_SECONDS = 5.0  # longer than a transaction: what has not moved meanwhile is left out until it does
_STILL_SECONDS = 20.0  # longer than a rebalance: what has not moved for so long will not, whoever has it
_MEASURED_SECONDS = 120.0  # what a worker did before that tells little about now
_SEVERAL = 4
_USUAL = 0.75  # of a worker's measured rates: the low ones were taken around a rebalance


class At(Struct, frozen=True):
    """One partition: the committed offset, the log's end, and its owner's name; None: nobody has it."""

    committed: int
    end: int
    owner: str | None = None

    @property
    def behind(self) -> int:
        """Records that are not processed yet."""
        return max(0, self.end - self.committed)


class Look(Struct, frozen=True):
    """The pool at one moment (seconds of a clock that never goes back); `stopped`: by the breaker."""

    at: float
    partitions: Mapping[int, At]
    stopped: frozenset[int] = frozenset()


class Load(Struct, frozen=True):
    """What there is to do, stopped and stalled partitions left out; rates are records a second."""

    arriving: Mapping[int, float] = {}
    behind: Mapping[int, int] = {}
    lag_seconds: float = 0.0  # the worst partition's: the age of the oldest record that waits
    growing: float = 0.0  # by so many seconds a second
    rate: float | None = None  # what a worker does that has enough to do; None: none has had
    left_out: tuple[int, ...] = ()
    waits: bool = False  # something does, be it left out, but for what the breaker stopped; a marker is nothing
    paused: bool = False  # of what is left out, some moved not long ago: it may go on at any moment
    still: bool = False  # something waits, and nothing moves anywhere


class History:
    """The looks of the last minutes."""

    def __init__(self) -> None:
        self._looks: deque[Look] = deque()
        self._lags: deque[tuple[float, float]] = deque()
        self._rates: deque[tuple[float, float]] = deque()  # of workers that had more to do than they did
        self._rate: float | None = None  # the last one that was known
        self._busiest = 0.0

    def add(self, look: Look) -> Load:
        """Say what the load is now."""
        if self._looks:
            self._measure(self._looks[-1], look)
        self._looks.append(look)
        while look.at - self._looks[0].at > _HISTORY_SECONDS:
            self._looks.popleft()
        left_out = {
            p for p, at in look.partitions.items() if p in look.stopped or self._is_still(p, at, _MOMENT_SECONDS)
        }
        counted = {p: at for p, at in look.partitions.items() if p not in left_out}
        arriving = {p: self._arriving(p) for p in counted}
        rate = self._known_rate()
        lag = max((self._lag_seconds(p, at, rate) for p, at in counted.items()), default=0.0)
        waits = any(at.behind > 1 for p, at in look.partitions.items() if p not in look.stopped)
        return Load(
            arriving=arriving,
            behind={p: at.behind for p, at in counted.items()},
            lag_seconds=lag,
            growing=self._growing(look.at, lag),
            rate=rate,
            left_out=tuple(sorted(left_out)),
            waits=waits,
            paused=any(not self._is_still(p, look.partitions[p], _STILL_SECONDS) for p in left_out - look.stopped),
            still=waits and self._all_still(),
        )

    def _before(self, seconds: float) -> Look:
        """The latest look that is at least so old, or the first."""
        wanted = self._looks[-1].at - seconds
        found = bisect_right(self._looks, wanted, key=lambda look: look.at)
        return self._looks[max(0, found - 1)]

    def _is_still(self, partition: int, at: At, seconds: float) -> bool:
        """Whether it had something to do so long ago and has done nothing since."""
        before = self._before(seconds)
        was = before.partitions.get(partition)
        old = self._looks[-1].at - before.at >= seconds
        return old and was is not None and was.behind > 0 and was.committed == at.committed

    def _all_still(self) -> bool:
        now, before = self._looks[-1], self._before(_STILL_SECONDS)
        moved = any(now.partitions[p].committed > at.committed for p, at in before.partitions.items())
        return now.at - before.at >= _STILL_SECONDS and not moved

    def _arriving(self, partition: int) -> float:
        now, recent = self._looks[-1], self._looks[-1].at - _RECENT_SECONDS
        before = next((look for look in self._looks if look.at >= recent and partition in look.partitions), now)
        if now.at <= before.at:
            return 0.0
        return max(0, now.partitions[partition].end - before.partitions[partition].end) / (now.at - before.at)

    def _lag_seconds(self, partition: int, at: At, rate: float | None) -> float:
        """How long ago the log's end was where the committed offset is now, between two looks by proportion."""
        if not at.behind:
            return 0.0
        known = [(look.at, look.partitions[partition].end) for look in self._looks if partition in look.partitions]
        found = bisect_right(known, at.committed, key=lambda end: end[1])
        if found == 0:
            pace = self._arriving(partition) or rate
            return known[-1][0] - known[0][0] + ((known[0][1] - at.committed) / pace if pace else 0.0)
        (was, low), (then, high) = known[found - 1], known[min(found, len(known) - 1)]
        share = (at.committed - low) / (high - low) if high > low else 0.0
        return known[-1][0] - (was + share * (then - was))

    def _growing(self, now: float, lag: float) -> float:
        self._lags.append((now, lag))
        while now - self._lags[0][0] > _RECENT_SECONDS:
            self._lags.popleft()
        began, was = self._lags[0]
        return (lag - was) / (now - began) if now > began else 0.0

    def _measure(self, before: Look, now: Look) -> None:
        """What each worker did between two looks, if it had the same partitions all along."""
        seconds = now.at - before.at
        self._busiest = 0.0
        for owner in {at.owner for at in now.partitions.values() if at.owner}:
            mine = {p: at for p, at in now.partitions.items() if at.owner == owner}
            was = {p: at for p, at in before.partitions.items() if at.owner == owner}
            if mine.keys() == was.keys() and seconds > 0:
                done = sum(mine[p].committed - was[p].committed for p in mine)
                self._busiest = max(self._busiest, done / seconds)
                # What did not move (stopped, or stalled) was no work for it. Of the rest there was as much to do at the
                # start as it did, and a second's work left over at the end: it never waited.
                moved = [p for p in mine if mine[p].committed > was[p].committed]
                if 0 < done <= _behind(was, moved) and done / seconds <= _behind(mine, moved):
                    self._rates.append((now.at, done / seconds))
        while self._rates and now.at - self._rates[0][0] > _MEASURED_SECONDS:
            self._rates.popleft()

    def _known_rate(self) -> float | None:
        """That workers can do less than before must be seen several times: it may be a rebalance."""
        if self._rates:
            found = sorted(rate for _, rate in self._rates)
            usual = found[int(_USUAL * (len(found) - 1))]
            self._rate = usual if len(found) >= _SEVERAL else max(usual, self._rate or 0.0)
        return self._rate and max(self._rate, self._busiest)


def _behind(partitions: Mapping[int, At], of: Collection[int]) -> int:
    return sum(partitions[p].behind for p in of)
