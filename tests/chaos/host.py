"""One VM of the pool: supervisord with the configuration as shipped, in a folder of its own."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from processor.settings import Settings
from tests import stack
from tests.chaos.network import Machine

START_SECONDS = 300.0  # at most, of a supervisord or a process, on a machine however busy


class Host:
    """A pool on a machine: as `supervisord -c supervisord.conf` starts it on a VM."""

    def __init__(self, machine: Machine, directory: Path, settings: Settings, workers: int) -> None:
        self.machine = machine
        self.directory = directory
        self.settings = settings
        self.workers = workers
        self.variables: dict[str, str] = {}  # of the environment, from the next start of supervisord on
        (directory / ".local" / "log").mkdir(parents=True)
        (directory / ".local" / "run").mkdir()
        for shipped in ("supervisord.conf", ".venv"):
            (directory / shipped).symlink_to(stack.ROOT / shipped)
        self._environment = stack.environment(settings, directory)
        self._supervisord: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start supervisord with all processes, and wait until it answers."""
        environment = {**self._environment, "WORKERS": str(self.workers), **self.variables}
        command = [str(stack.ROOT / ".venv/bin/supervisord"), "-n", "-c", str(self.directory / "supervisord.conf")]
        with (self.directory / "supervisord.out").open("ab") as output:
            self._supervisord = subprocess.Popen(
                [*self.machine.within, "setpriv", "--pdeathsig", "KILL", *command],
                env=environment,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.pids():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.machine.name}: supervisord does not start: {self.directory}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Drain and end everything, as `supervisorctl shutdown` does."""
        if self._supervisord is not None and self._supervisord.poll() is None:
            self._supervisord.terminate()
            self._supervisord.wait(START_SECONDS)

    def crash(self) -> None:
        """Kill -9 supervisord and everything that it started, at once."""
        pids = list(self.pids().values())
        self.kill_supervisor()
        for pid in pids:
            send(pid, signal.SIGKILL)

    def kill_supervisor(self) -> None:
        """Kill -9 supervisord alone: what it started is on its own."""
        if self._supervisord is not None:
            self._supervisord.kill()
            self._supervisord.wait(60)

    def pids(self) -> dict[str, int]:
        """The processes that run: worker-00 …, flusher."""
        try:
            return {each["name"]: each["pid"] for each in self._rpc("getAllProcessInfo") if each["pid"]}
        except (OSError, Fault):
            return {}

    def pid(self, name: str) -> int:
        """One process's pid; waits until it runs."""
        deadline = time.monotonic() + START_SECONDS
        while (pid := self.pids().get(name)) is None:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.machine.name}: {name} does not run")
            time.sleep(0.05)
        return pid

    def send(self, name: str, number: signal.Signals) -> None:
        """Send one process a signal."""
        send(self.pid(name), number)

    def end(self, name: str) -> int:
        """`supervisorctl stop`: it drains, and stays away; its exit code, or -1 when it had to be killed."""
        with suppress(Fault):
            self._rpc("stopProcess", _full(name), True)
        return int(self._rpc("getProcessInfo", _full(name))["exitstatus"])

    def begin(self, name: str) -> None:
        """`supervisorctl start`."""
        with suppress(Fault):
            self._rpc("startProcess", _full(name), False)

    @contextmanager
    def understudy(self, name: str, variables: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
        """A process in the place of a supervised one, with more in its environment; the supervised one returns."""
        self.end(name)
        role, _, slot = name.partition("-")
        command = [str(stack.ROOT / ".venv/bin/data-processor"), role, *(["--slot", str(int(slot))] if slot else [])]
        log = (self.directory / ".local" / "log" / f"{name}.log").open("ab")
        process = subprocess.Popen(
            [*self.machine.within, "setpriv", "--pdeathsig", "KILL", *command],
            env={**self._environment, **self.variables, **variables},
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(60)
            self.begin(name)

    def tool(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `data-processor …` as an operator on this VM does."""
        with self.asking(*arguments) as process:
            said, complained = process.communicate(timeout=START_SECONDS)
        return subprocess.CompletedProcess(arguments, process.returncode, said, complained)

    @contextmanager
    def asking(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        """Start `data-processor …` on this VM, its output into pipes; it is killed at the end of the block."""
        command = [*self.machine.within, str(stack.ROOT / ".venv/bin/data-processor"), *arguments]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, env=self._environment, cwd=self.directory, stdout=pipe, stderr=pipe, text=True
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def log(self, name: str) -> str:
        """What a process said."""
        return (self.directory / ".local" / "log" / f"{name}.log").read_text(errors="replace")

    def _rpc(self, method: str, *arguments: Any) -> Any:
        socket = self.directory / ".local" / "run" / "supervisor.sock"
        transport = SupervisorTransport(None, None, f"unix://{socket}")
        with ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _full(name: str) -> str:
    return f"worker:{name}" if name.startswith("worker") else name
