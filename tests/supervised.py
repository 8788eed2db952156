"""A pool as it is run: supervisord with the configuration as shipped, in a folder of its own; and its tools."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import structs

from processor.errors import Unavailable
from processor.settings import Settings
from processor.supervision.supervisor import Process, Supervisor
from tests import stack
from tests.pool import COMMAND, eventually


class Vm:
    """One supervisord with its own run directory and host name; `settings` are those of its processes."""

    def __init__(self, settings: Settings, folder: Path, workers: int) -> None:
        self.folder = folder
        (folder / ".local" / "log").mkdir(parents=True)
        run = folder / ".local" / "run"
        run.mkdir()
        self.settings = structs.replace(settings, run_directory=str(run))
        for shipped in ("supervisord.conf", ".venv"):
            (folder / shipped).symlink_to(stack.ROOT / shipped)
        self.environment = stack.environment(self.settings, folder) | {"WORKERS": str(workers)}
        self.supervisor = Supervisor(Path(self.settings.supervisor_socket))
        self._supervisord: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start supervisord, and wait until it answers."""
        command = [str(stack.ROOT / ".venv/bin/supervisord"), "-n", "-c", str(self.folder / "supervisord.conf")]
        with (self.folder / "supervisord.out").open("ab") as output:
            self._supervisord = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        eventually("supervisord answers", self.processes, 30)

    def processes(self) -> dict[str, Process]:
        """By name; empty while it does not answer."""
        try:
            return {process.name: process for process in self.supervisor.processes()}
        except Unavailable:
            return {}

    def running(self) -> set[str]:
        """The workers that run."""
        found = self.processes().values()
        return {process.name for process in found if process.slot is not None and process.state == "RUNNING"}

    def control(self, *arguments: str) -> str:
        """Run `supervisorctl …` as an operator does."""
        command = [str(stack.ROOT / ".venv/bin/supervisorctl"), "-c", str(self.folder / "supervisord.conf")]
        done = subprocess.run(
            [*command, *arguments], env=self.environment, capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout

    def tool(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `data-processor …` as an operator does."""
        return subprocess.run(
            [COMMAND, *arguments], env=self.environment, capture_output=True, text=True, check=False, timeout=180
        )

    def log(self, name: str) -> str:
        """What a process said."""
        path = self.folder / ".local" / "log" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def crash(self) -> None:
        """Kill -9 supervisord, and all that it started with it, as when the VM is lost."""
        pids = [process.pid for process in self.processes().values() if process.pid]
        if self._supervisord is not None:
            self._supervisord.kill()
            self._supervisord.wait(10)
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """Drain and end everything."""
        if self._supervisord is None or self._supervisord.poll() is not None:
            return
        self._supervisord.terminate()
        try:
            self._supervisord.wait(40)
        except subprocess.TimeoutExpired:
            self.crash()


@contextmanager
def vm(settings: Settings, workers: int) -> Iterator[Vm]:
    """Run one; its logs are printed when the test fails."""
    folder = Path(tempfile.mkdtemp(prefix="vm-"))  # a test's own path is longer than a Unix socket's may be
    made = Vm(settings, folder, workers)
    try:
        made.start()
        yield made
    except BaseException:
        for name in sorted(made.processes()) or ["scaler", "worker-00"]:
            print(f"--- {settings.host} {name} at {time.strftime('%H:%M:%S')}\n{made.log(name)[-6000:]}")
        raise
    finally:
        made.stop()
        shutil.rmtree(folder)
