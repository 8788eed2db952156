"""One run of one system: its processes, how far they come, and what it costs."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from msgspec import Struct

from benchmarks.rig import cpu
from benchmarks.rig.failed import Failed
from benchmarks.rig.positions import Positions
from benchmarks.systems.system import Command, Place, System

_LONGEST_SECONDS = 900.0
_STOP_SECONDS = 20.0
_TICK_SECONDS = 0.1
FROM = 0.1  # of all logins: by then everything is started, and a JVM has compiled the most of what it will
UNTIL = 0.9  # where the rate's window ends: later, partitions that are done leave their cores idle


class Moment(Struct, frozen=True):
    """How far a system was, and what had been used by then."""

    at: float
    done: int
    seconds: cpu.Seconds


class Cost(Struct, frozen=True):
    """What a run took, its first tenth left out."""

    rate: float  # logins a second
    microseconds: cpu.Seconds  # CPU a login, by part


class Job:
    """A system's processes; they end with this one, however it ends."""

    def __init__(self, commands: Sequence[Command], folder: Path) -> None:
        self.pids: dict[str, list[int]] = {}
        self._processes: list[tuple[subprocess.Popen[bytes], Path]] = []
        for number, command in enumerate(commands):
            log = folder / f"{command.part}-{number}.log"
            process = _start(command, log)
            self._processes.append((process, log))
            self.pids.setdefault(command.part, []).append(process.pid)

    def require_alive(self) -> None:
        """Raise Failed when one of them ended: it would be missing in the account."""
        for process, log in self._processes:
            if process.poll() is not None:
                raise Failed(f"a process ended with {process.returncode}: {_last_words(log)}")

    def stop(self) -> None:
        """End all, kindly at first: some hold transactions that the broker would otherwise wait for."""
        for process, _ in self._processes:
            process.terminate()
        for process, _ in self._processes:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def running(system: System, built: Path, place: Place) -> Iterator[Job]:
    """Start a system; nothing waits until it is ready, since its start is left out of the account."""
    job = Job(system.commands(built, place), place.folder)
    try:
        yield job
    finally:
        job.stop()


def follow(system: System, job: Job, place: Place, logins: int) -> list[Moment]:
    """Take note many times a second until all is done; raises Failed when a process ends, or after 15 minutes."""
    with ExitStack() as closed:
        groups = [
            closed.enter_context(closing(Positions(place.bootstrap, group, place.settings.topics.input)))
            for group in system.groups(place.settings)
        ]
        used = job.pids | _servers(system, place)
        moments = [Moment(time.monotonic(), 0, cpu.snapshot(used))]
        while moments[-1].done < logins or any(group.sum() < logins for group in groups[1:]):
            time.sleep(_TICK_SECONDS)
            job.require_alive()
            done = max(moments[-1].done, groups[0].sum())
            moments.append(Moment(time.monotonic(), done, cpu.snapshot(used)))
            if moments[-1].at - moments[0].at > _LONGEST_SECONDS:
                raise Failed(f"after {_LONGEST_SECONDS:.0f} s only {done:,} of {logins:,} logins are done")
        return moments


def cost(moments: Sequence[Moment], logins: int) -> Cost:
    """Sum up a run; raises Failed when it was over before it could be timed."""
    begun = next(moment for moment in moments if moment.done >= FROM * logins)
    late = next(moment for moment in moments if moment.done >= UNTIL * logins)
    if late.done <= begun.done:
        raise Failed("it was over before it could be timed: take more logins")
    spent = cpu.between(begun.seconds, moments[-1].seconds)
    counted = moments[-1].done - begun.done
    rate = (late.done - begun.done) / (late.at - begun.at)
    return Cost(rate, {part: seconds / counted * 1e6 for part, seconds in spent.items()})


def _servers(system: System, place: Place) -> dict[str, list[int]]:
    """The servers whose work is the system's: Redis is nobody's who does not count in it."""
    pids = place.where.pids
    return pids if "redis" in system.counts else {"broker": pids["broker"]}


def _start(command: Command, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command.arguments],
            env={**os.environ, **command.environment},
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if "xception" in line or "rror" in line]
    return (telling or lines or ["it said nothing"])[-1]
