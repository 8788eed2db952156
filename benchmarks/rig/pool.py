"""A pool of real workers and a flusher, started and ready to go before anything is measured."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import DecodeError, Struct, json

from benchmarks.rig.failed import Failed
from benchmarks.rig.servers import ROOT, Servers
from benchmarks.rig.waiting import until
from processor.settings import Settings
from tests import stack

DATA_PROCESSOR = str(ROOT / ".venv" / "bin" / "data-processor")
WORKER = (DATA_PROCESSOR, "worker")
_START_SECONDS = 180.0
_STOP_SECONDS = 60.0


class Line(Struct):
    """What matters here of a line in a worker's log."""

    event: str = ""
    owned: list[int] | None = None


class Pool:
    """Processes of one pool; they end with this process, however it ends."""

    def __init__(self, settings: Settings, folder: Path, worker: Sequence[str] = WORKER) -> None:
        self.workers: dict[str, int] = {}  # pids by name
        self.flusher = 0
        self._folder = folder
        self._worker = worker
        self._environment = stack.environment(settings, folder)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def pids(self) -> dict[str, list[int]]:
        """Them, as CPU is accounted."""
        return {"worker": list(self.workers.values()), "flusher": [self.flusher]}

    def start(self, workers: int) -> None:
        """Start all processes and return at once."""
        self.flusher = self._start("flusher", DATA_PROCESSOR, "flusher")
        for slot in range(workers):
            name = f"worker-{slot:02d}"
            self.workers[name] = self._start(name, *self._worker, "--slot", str(slot))

    def require_alive(self) -> None:
        """Raise Failed when one of them ended: it would be missing in the account."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                said = self.log(name).read_text().splitlines() or ["it said nothing"]
                raise Failed(f"{name} ended with {process.returncode}: {said[-1]}")

    def log(self, name: str) -> Path:
        """What a process says."""
        return self._folder / f"{name}.log"

    def stop(self) -> None:
        """Have all of them drain and end."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.wait(_STOP_SECONDS)
        self._processes.clear()

    def kill(self) -> None:
        """End what still runs."""
        for process in self._processes.values():
            process.kill()
            process.wait(_STOP_SECONDS)

    def _start(self, name: str, *command: str) -> int:
        bound = ["setpriv", "--pdeathsig", "KILL", *command]
        with self.log(name).open("wb") as log:
            process = subprocess.Popen(bound, cwd=ROOT, env=self._environment, stdout=log, stderr=log)
        self._processes[name] = process
        return process.pid


@contextmanager
def running(where: Servers, settings: Settings, workers: int, worker: Sequence[str] = WORKER) -> Iterator[Pool]:
    """Start a pool; it is handed out once every worker has its share of the partitions and has found its place.

    `worker` is the command of one, without its slot.
    """
    folder = where.folder / settings.group
    folder.mkdir(exist_ok=True)
    pool = Pool(settings, folder, worker)
    share = settings.topics.partitions // workers
    try:
        pool.start(workers)
        until("every worker has its partitions", lambda: _are_ready(pool, share), _START_SECONDS)
        yield pool
    finally:
        pool.kill()


def _are_ready(pool: Pool, share: int) -> bool:
    pool.require_alive()
    return all(is_ready(read(pool.log(name)), share) for name in pool.workers)


def is_ready(lines: list[Line], share: int) -> bool:
    """Whether the last thing that happened to a worker is that it found the place of its share of the partitions."""
    return placed(lines) == share


def placed(lines: list[Line]) -> int | None:
    """How many partitions a worker has, having found the place of all of them; None while it still looks for one."""
    told = [line for line in lines if line.owned is not None or line.event == "started"]
    owned = next((line.owned for line in reversed(told) if line.owned is not None), None)
    return len(owned) if owned is not None and told[-1].event == "started" else None


def read(log: Path) -> list[Line]:
    """A log's lines; what is no JSON, as a client's own words, is an empty one."""
    return [_line(text) for text in log.read_text().splitlines()]


def _line(text: str) -> Line:
    try:
        return json.decode(text, type=Line)
    except DecodeError:
        return Line()
