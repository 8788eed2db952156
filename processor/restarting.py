"""Restarting the pool: all at once, or rolling: one worker at a time, each only when the one before it has gone on."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from processor.clock import Clock
from processor.errors import Stalled, Unavailable
from processor.kafka.standing import Pool
from processor.supervision.supervisor import Process

LOCK = "restart"  # in the run directory: one restart at a time, and the scaler keeps still

_PAUSE_SECONDS = 0.5
_STEADY_SECONDS = 3  # what fails at its start has failed by then


class Supervisor(Protocol):
    """supervisord of this host."""

    def processes(self) -> list[Process]:
        """Everything that it runs."""

    def renew(self, process: Process) -> None:
        """Have one drained, and started again."""


class View(Protocol):
    """The pool, as Kafka and Redis tell it; each raises Unavailable."""

    def look(self) -> Pool:
        """Who has which partitions, and where they stand."""

    def waiting(self, places: Mapping[int, int]) -> set[int]:
        """Of these partitions, those with a login to take at or after this offset that no breaker has stopped."""


class Restarting:
    """Restarts what runs; what is stopped, by hand or by the scaler, stays stopped."""

    def __init__(self, supervisor: Supervisor, host: str, patience: float, say: Callable[[str], None]) -> None:
        self._supervisor = supervisor
        self._host = host
        self._patience = patience
        self._say = say
        self._clock: Clock = time

    def at_once(self) -> None:
        """Restart everything together: logins wait for some seconds."""
        running = self._running()
        for process in running:
            self._supervisor.renew(process)
        for process in running:
            self._returned(process)
            self._say(f"{process.name}: restarted")

    def rolling(self, view: View) -> None:
        """Restart the workers one by one, then the others; raises Stalled at the first that does not go on."""
        for process in self._running():
            began = self._clock.monotonic()
            if process.slot is None:
                self._supervisor.renew(process)
                self._returned(process)
            else:
                self._worker(process, process.slot, view)
            self._say(f"{process.name}: restarted, goes on after {self._clock.monotonic() - began:.1f} s")

    def _running(self) -> list[Process]:
        """Workers first; the scaler last, as it looks after the others."""
        running = [process for process in self._supervisor.processes() if process.state == "RUNNING"]
        return sorted(running, key=lambda process: (process.slot is None, process.name == "scaler", process.full_name))

    def _worker(self, process: Process, slot: int, view: View) -> None:
        before = view.look().of(self._host, slot)
        self._supervisor.renew(process)
        self._returned(process)
        at_start = view.look()
        owned = set(before.partitions) if before else set()

        def goes_on() -> bool:
            now = view.look()
            member = now.of(self._host, slot)
            if member is None or (before is not None and member.id == before.id):
                return False
            if not owned <= {at.partition for at in now.partitions if at.owner}:
                return False
            still = standing_still(at_start, now, owned)
            return not still or not view.waiting(still)

        self._until(goes_on, f"{process.name} makes no progress on its partitions")

    def _returned(self, process: Process) -> None:
        """Wait until another process runs in its place, and has not failed at its start."""

        def steady() -> bool:
            now = next((each for each in self._supervisor.processes() if each.full_name == process.full_name), process)
            lived = now.now - now.started
            return now.state == "RUNNING" and now.pid != process.pid and lived >= _STEADY_SECONDS

        self._until(steady, f"{process.name} does not come back")

    def _until(self, holds: Callable[[], bool], otherwise: str) -> None:
        deadline = self._clock.monotonic() + self._patience
        problem = ""
        while self._clock.monotonic() < deadline:
            try:
                if holds():
                    return
                problem = ""
            except Unavailable as trouble:
                problem = f" ({trouble})"
            self._clock.sleep(_PAUSE_SECONDS)
        raise Stalled(
            f"restarting stopped here: {otherwise} within {self._patience:g} s{problem}: its log says why; what "
            "follows it was not restarted"
        )


def standing_still(before: Pool, now: Pool, owned: Iterable[int]) -> dict[int, int]:
    """Of `owned`, the partitions that are behind and have not moved between two looks, with where they stand."""
    was = {at.partition: at.committed for at in before.partitions}
    return {
        at.partition: at.committed
        for at in now.partitions
        if at.partition in set(owned) and at.lag and at.committed <= was.get(at.partition, -1)
    }
