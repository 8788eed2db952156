"""A server process that outlives the command that started it, and is found again by its pid file."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from deploy.local.problem import Problem

POLL_SECONDS = 0.05
_ERROR = re.compile(r"\b(ERROR|FATAL)\b")


class Daemon:
    """A process in the background, known by pid and start time: a pid alone may have become someone else's."""

    def __init__(
        self, name: str, pid_file: Path, output: Path, *, log: Path | None = None, dies_with_parent: bool = False
    ) -> None:
        self.name = name
        # Linux divides the cores by session first (`autogroup` in sched(7)): 32 busy workers left a broker with one of
        # its own without any for eight seconds (seen).
        self.own_session = True
        self.pid_file = pid_file
        self.output = output
        self._log = log  # where it says why it ends, if not on its output
        self._said = 0  # bytes of that log which are of earlier processes
        self._dies_with_parent = dies_with_parent
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The pid while the process runs, else None."""
        try:
            pid, started = map(int, self.pid_file.read_text().split())
        except (FileNotFoundError, ValueError):
            return None
        if start_time(pid) == started:
            return pid
        if self._child is not None and self._child.pid == pid:
            self._child.wait()  # it is dead; this takes what is left of it from the process table
        return None

    def start(self, command: Sequence[str], environment: Mapping[str, str], directory: Path) -> None:
        """Start it out of a terminal's reach: Ctrl-C does not end it, nor, in its own session, the end of a login."""
        self.output.parent.mkdir(parents=True, exist_ok=True)
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        self._said = self._log.stat().st_size if self._log and self._log.exists() else 0
        # setpriv replaces itself by the command, so the pid stays the same.
        prefix = ["setpriv", "--pdeathsig", "KILL"] if self._dies_with_parent else []
        with self.output.open("ab") as output:
            self._child = subprocess.Popen(
                [*prefix, *command],
                env=dict(environment),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=self.own_session,
                process_group=None if self.own_session else 0,
            )
        self.pid_file.write_text(f"{self._child.pid} {start_time(self._child.pid)}\n")

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return when `ready` says so; a Problem, with the last line it wrote, when it dies or takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.pid is None:
                raise Problem(f"{self.name} ended while starting: {self.last_words()}")
            if time.monotonic() > deadline:
                raise Problem(f"{self.name} is not ready after {seconds:.0f} s; see {self.output.parent}")
            time.sleep(POLL_SECONDS)

    def last_words(self) -> str:
        """Find the last error of its log, else the last line of its output, and say where there is more."""
        errors = [line for line in _lines(self._log, self._said) if _ERROR.search(line)] if self._log else []
        if errors:
            return f"{errors[-1]} (all of it: {self._log})"
        return f"{last_line(self.output)} (all of it: {self.output})"

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if (pid := self.pid) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self, seconds: float) -> None:
        """Ask it to end; after `seconds` it is killed."""
        self.send(signal.SIGTERM)
        if not self._gone_within(seconds):
            self.kill()
        self.pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it with kill -9, and wait until it is gone."""
        self.send(signal.SIGKILL)
        if not self._gone_within(10):
            raise Problem(f"{self.name} (process {self.pid}) does not end, not even when killed")

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.pid is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


def start_time(pid: int) -> int | None:
    """Clock ticks from boot to the process's start (proc(5), stat); None when it is not there, or only its remains."""
    try:
        # The name, in parentheses, may hold anything: the fields are counted from behind it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, started = fields[0], fields[19]
    return None if state in "ZX" else int(started)


def last_line(path: Path) -> str:
    """Find the last line of a log that says something."""
    lines = _lines(path)
    return lines[-1] if lines else "it said nothing"


def _lines(path: Path, beginning: int = 0) -> list[str]:
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(beginning if beginning <= path.stat().st_size else 0)  # a log that was rolled begins anew
        text = file.read().decode(errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()]
