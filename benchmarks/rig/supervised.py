"""A pool under supervisord with the configuration as shipped."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.rig.pool import Line, is_ready, read
from benchmarks.rig.servers import ROOT, Servers
from benchmarks.rig.waiting import until
from processor.settings import Settings
from tests import stack

_BIN = ROOT / ".venv" / "bin"


class Supervised:
    """Where it runs: a folder of its own, since supervisord.conf keeps all its files beside itself."""

    def __init__(self, settings: Settings, folder: Path, workers: int) -> None:
        self.workers = [f"worker-{slot:02d}" for slot in range(workers)]
        self._folder = folder
        for state in ("log", "run"):
            (folder / ".local" / state).mkdir(parents=True)
        for shipped in ("supervisord.conf", ".venv"):
            (folder / shipped).symlink_to(ROOT / shipped)
        self._environment = stack.environment(settings, folder) | {"WORKERS": str(workers)}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start it, until every worker has one partition and has found its place."""
        command = ["setpriv", "--pdeathsig", "KILL", str(_BIN / "supervisord"), "-n", "-c", self._conf]
        with (self._folder / "supervisord.out").open("wb") as out:
            process = subprocess.Popen(command, env=self._environment, cwd=self._folder, stdout=out, stderr=out)
        try:
            until("every worker has its partition", lambda: all(map(self.is_ready, self.workers)), 180)
            yield
        finally:
            process.terminate()
            process.wait(60)

    def is_ready(self, worker: str) -> bool:
        """Whether a worker has one partition and has found its place."""
        return is_ready(self.lines(worker), share=1)

    def lines(self, worker: str) -> list[Line]:
        """What a worker has said, over all its lives."""
        log = self._folder / ".local" / "log" / f"{worker}.log"
        return read(log) if log.exists() else []

    def pid(self, worker: str) -> int:
        """A worker's process now; 0 while it has none."""
        command = [str(_BIN / "supervisorctl"), "-c", self._conf, "pid", f"worker:{worker}"]
        said = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False
        ).stdout.strip()
        return int(said) if said.isdigit() else 0

    @property
    def _conf(self) -> str:
        return str(self._folder / "supervisord.conf")


@contextmanager
def supervised(where: Servers, settings: Settings, workers: int) -> Iterator[Supervised]:
    """Make one and run it."""
    made = Supervised(settings, where.folder / settings.group, workers)
    with made.running():
        yield made
