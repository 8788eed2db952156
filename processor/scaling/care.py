"""Which processes supervisord gave up are tried again, and which worker holds too much memory."""

from collections.abc import Collection, Mapping

from msgspec import Struct

_FIRST_SECONDS, _LONGEST_SECONDS = 5.0, 300.0
_WELL_SECONDS = 60.0  # what lived so long is well: its next failure is a first one
_APART_SECONDS = 60.0  # between two workers that are replaced because of their memory


class _Trial(Struct):
    tries: int
    next: float
    well_since: float | None = None


class Revival:
    """Tries given-up processes again after 5, 10, 20 … 300 s."""

    def __init__(self) -> None:
        self._trials: dict[str, _Trial] = {}

    def due(self, now: float, failed: Collection[str]) -> list[str]:
        """Those of the failed ones (FATAL) that are to be started now."""
        for name, trial in list(self._trials.items()):
            if name not in failed:
                trial.well_since = now if trial.well_since is None else trial.well_since
                if now - trial.well_since > _WELL_SECONDS:
                    del self._trials[name]
        return [name for name in sorted(failed) if self._is_due(now, name)]

    def _is_due(self, now: float, name: str) -> bool:
        trial = self._trials.setdefault(name, _Trial(0, now + _FIRST_SECONDS))
        if trial.well_since is not None:  # it was started, and failed again
            trial.well_since = None
            trial.next = now + min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(trial.tries, 10))
        if now < trial.next:
            return False
        trial.tries += 1
        trial.next = now + min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0 ** min(trial.tries, 10))
        return True


class Memory:
    """Picks the worker to replace, one at a time and seldom: the others go on meanwhile."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._next = 0.0

    def over(self, now: float, held: Mapping[str, int]) -> str | None:
        """The worker with the most bytes above the limit, when it may be replaced now; 0: there is no limit."""
        if not self._limit or not held or now < self._next:
            return None
        name = max(held, key=lambda each: (held[each], each))
        if held[name] <= self._limit:
            return None
        self._next = now + _APART_SECONDS
        return name
