"""The pool's target over time, and each host's share of it: every host comes to the same answer by itself."""

from collections import deque
from collections.abc import Collection

from msgspec import Struct

from processor.scaling.need import Need


class Host(Struct, frozen=True):
    """What a host says of itself: the slots that it may use, how many of them always work, and the pool's target."""

    name: str
    slots: int
    least: int
    wanted: int
    running: int = 0

    @property
    def fixed(self) -> bool:
        """All of its slots work always: nothing is scaled there."""
        return self.least >= self.slots


class CoolDown:
    """Lets the target rise at once, and fall only to the most that was needed during the cool-down."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._needs: deque[tuple[float, int]] = deque()
        self._began: float | None = None

    def target(self, now: float, before: int, needed: Need) -> Need:
        """The target, with what it waits for; `before`: the target until now."""
        self._began = now if self._began is None else self._began
        if not needed.known:
            return needed
        self._needs.append((now, needed.workers))
        while now - self._needs[0][0] > self._seconds:
            self._needs.popleft()
        most = max(workers for _, workers in self._needs)
        if needed.workers >= before:
            return needed
        if now - self._began < self._seconds:  # what was needed before is not known
            most = max(most, before)
        if most > needed.workers:
            return Need(min(most, before), f"{needed.why}, for {self._seconds:g} s before fewer run")
        return needed

    def forget(self, now: float) -> None:
        """Nothing is known of this moment: fewer must do for the whole time again."""
        self._needs.clear()
        self._began = now


def target(wanted: int, hosts: Collection[Host], partitions: int) -> int:
    """How many workers shall run in all: never more than one a partition, and one spare where the minimum is higher."""
    least = sum(host.least for host in hosts)
    wanted = max([wanted, *(host.wanted for host in hosts)])
    return min(max(wanted, least), partitions + (least > partitions))


def shares(hosts: Collection[Host], workers: int) -> dict[str, int]:
    """Divide so many workers: first each host's minimum, then the rest by slots; hosts that are not scaled keep all.

    One worker more or less changes one host's share by one, so that nothing moves needlessly.
    """
    given = {host.name: host.slots if host.fixed else 0 for host in hosts}
    scaled = sorted((host for host in hosts if not host.fixed), key=lambda host: host.name)
    for _ in range(max(0, workers - sum(given.values()))):
        below = [host for host in scaled if given[host.name] < host.least]
        free = below or [host for host in scaled if given[host.name] < host.slots]
        if not free:
            break
        given[min(free, key=lambda host: _order(host, given[host.name])).name] += 1
    return given


def _order(host: Host, has: int) -> tuple[float, str]:
    return (has + 1) / host.slots, host.name
