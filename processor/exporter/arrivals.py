"""How long what waits has been waiting: a partition's lag in seconds, from what was seen of its log. Pure."""

from bisect import bisect_right
from collections.abc import Collection, Iterable

from msgspec import Struct

_REMEMBERED = 1_000  # ends of a log; when there are more, the older half is thinned out


class _End(Struct):
    """An end that the log had, from when until when at least; seconds since the epoch."""

    offset: int
    first: float
    last: float


class _Look(Struct, frozen=True):
    """What lies at a position: when its first login was written (seconds since the epoch), None for no login at all."""

    end: int  # of the log, at that look
    written: float | None


class Arrivals:
    """One partition's log as it grew.

    A record arrived between the last look that did not show it and the first that did, in proportion to its offset.
    Where that is not known, for the log was longer already at the first look, its own time stamp has to do.
    """

    def __init__(self) -> None:
        self._ends: list[_End] = []
        self._looks: dict[int, _Look] = {}
        self._before: set[int] = set()
        self._positions: set[int] = set()

    def seen(self, end: int, positions: Iterable[int], now: float) -> None:
        """Take in a look at the log: its end, and where the pool stands in it."""
        if self._ends and end < self._ends[-1].offset:  # another log, or one that was cut
            self._ends, self._looks = [], {}
        if self._ends and end == self._ends[-1].offset:
            self._ends[-1].last = now
        else:
            self._ends.append(_End(end, now, now))
        if len(self._ends) > _REMEMBERED:
            half = _REMEMBERED // 2
            self._ends = [*self._ends[:half:2], *self._ends[half:]]
        self._before, self._positions = self._positions, set(positions)
        self._looks = {at: look for at, look in self._looks.items() if at in self._positions}

    def told(self, position: int, written: float | None) -> None:
        """Take in what lies at a position, by a look at the records themselves."""
        self._looks[position] = _Look(self._ends[-1].offset, written)

    def lag(self, position: int, now: float) -> float | None:
        """For how long the next login at a position has been waiting; None where nobody knows."""
        if position >= self._ends[-1].offset:
            return 0.0
        look = self._known(position)
        if look is not None and look.written is None:
            return 0.0  # transaction markers, or what was aborted
        since = self._arrived(position)
        if since is None:
            since = look.written if look is not None else None
        return None if since is None else max(0.0, now - since)

    def unsure(self) -> int | None:
        """Where to look at the records: at the lowest position that stands still, or has been left behind for long.

        Nothing but transaction markers may lie there, and then nothing is late.
        """
        end = self._ends[-1].offset
        behind = [at for at in self._positions if at < end and self._known(at) is None]
        return min((at for at in behind if at in self._before or self._arrived(at) is None), default=None)

    def _known(self, position: int) -> _Look | None:
        look = self._looks.get(position)
        return look if look is not None and (look.written is not None or look.end == self._ends[-1].offset) else None

    def _arrived(self, position: int) -> float | None:
        following = bisect_right(self._ends, position, key=lambda end: end.offset)
        if following in {0, len(self._ends)}:
            return None
        before, after = self._ends[following - 1], self._ends[following]
        share = (position - before.offset) / (after.offset - before.offset)
        return before.last + share * (after.first - before.last)


def update(logs: dict[int, Arrivals], partitions: Collection[int]) -> None:
    """Have a log for each of these partitions, and for no others."""
    for partition in logs.keys() - set(partitions):
        del logs[partition]
    for partition in partitions:
        logs.setdefault(partition, Arrivals())
