"""What the scaler does for processes besides: tries given-up ones again, and replaces a worker that grew too large."""

from collections.abc import Sequence
from time import monotonic

from processor import proc
from processor.claim import claimed
from processor.errors import Fenced
from processor.log import event, warning
from processor.metrics import told
from processor.metrics.meter import add
from processor.restarting import LOCK
from processor.scaling.care import Memory, Revival
from processor.settings import Settings
from processor.supervision.supervisor import Process, Supervisor


class Care:
    """Has supervisord start what it gave up, and replace a worker that holds too much memory."""

    def __init__(self, supervisor: Supervisor, settings: Settings) -> None:
        self._supervisor = supervisor
        self._settings = settings
        self._revival = Revival()
        self._memory = Memory(settings.scaler.worker_memory_mb * 1_000_000)

    def turn(self, processes: Sequence[Process]) -> None:
        """Look once; raises Unavailable."""
        named = {process.full_name: process for process in processes}
        failed = [name for name, process in named.items() if process.state == "FATAL"]
        for name in self._revival.due(monotonic(), failed):
            warning("supervisord gave this process up: starting it again, its log says why it ended", of=name)
            self._supervisor.start(named[name])
            add(told.SCALER_CHANGES, 1, "revived")
        running = {name: p.pid for name, p in named.items() if p.slot is not None and p.state == "RUNNING"}
        held = {name: proc.resident_bytes(pid) or 0 for name, pid in running.items()}
        if (most := self._memory.over(monotonic(), held)) is not None:
            self._replace(named[most], held[most])

    def _replace(self, process: Process, held: int) -> None:
        try:
            with claimed(self._settings.run_directory, LOCK):
                limit = self._settings.scaler.worker_memory_mb
                warning(f"{process.name} holds {held // 1_000_000:,} MB, {limit:,} may be: it drains and starts anew")
                self._supervisor.renew(process)
                add(told.SCALER_CHANGES, 1, "replaced")
        except Fenced:
            event("a restart is under way: replacing no worker meanwhile")
