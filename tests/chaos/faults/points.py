"""Processes that die, or stop and wake up, at the points that processor/faults.py names (rows 1, 4, 17, 27).

The points are found in the source, so that none is forgotten: a new one is a new fault.
"""

import ast
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from processor.faults import VARIABLE
from tests import stack
from tests.chaos.faults import Hit, Inject, fault, waits
from tests.chaos.faults.flushers import only_flusher, publishes
from tests.chaos.host import send
from tests.chaos.stage import Stage

# Commands that a person runs have points, too; their own tests kill them there.
BY_HAND = ("reset", "redrive", "reshard", "purge")
BY_HAND_FOLDERS = ("processor/recovery/",)  # whose points have the name of what a flusher does
MOST_TIMES = {"worker": 40, "flusher": 4, "restore": 1}  # that a point is passed before
ONCE = ("flusher.after-lease", "flusher.after-init")  # a term


def points() -> list[str]:
    """Every point of the pool's processes; one whose name is put together at run time is left to its own test."""
    files = (path for path in sorted((stack.ROOT / "processor").rglob("*.py")) if not _is_by_hand(path))
    return sorted({name for path in files for name in _names(path) if role(name) not in BY_HAND})


def role(point: str) -> str:
    """Who reaches a point: worker, flusher, or what a flusher does when it restores."""
    return point.partition(".")[0]


def _is_by_hand(path: Path) -> bool:
    return str(path.relative_to(stack.ROOT)).startswith(BY_HAND_FOLDERS)


def _names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Name("reach"), args=[ast.Constant(str(name))]):
                yield name


def _times(point: str, dice: Random) -> int:
    return 1 if point in ONCE else dice.randint(1, MOST_TIMES[role(point)])


def worker_killed_at(point: str) -> Inject:
    """Make the fault that kills a worker at a point."""

    def inject(stage: Stage, dice: Random) -> Hit:
        crash = {VARIABLE: f"{point}:{_times(point, dice)}"}
        with stage.worker(dice) as (host, name), host.understudy(name, crash) as process:
            assert process.wait(waits.PATIENCE_SECONDS) == -signal.SIGKILL, f"{name} ended, but not at {point}"
            since = time.time()
        return Hit(since)

    inject.__doc__ = f"Kill a worker at {point}. A lesser system loses or repeats what was between two steps there."
    return inject


def worker_stopped_at(point: str) -> Inject:
    """Make the fault that stops a worker at a point, for a moment or until others have its partitions."""

    def inject(stage: Stage, dice: Random) -> Hit:
        host, name = dice.choice(stage.workers())
        with host.understudy(name, {VARIABLE: f"{point}:{_times(point, dice)}:STOP"}) as process:
            waits.stopped(process.pid)
            if dice.random() < 0.5:
                waits.progress(stage, time.time())
            stage.hold(5)
            send(process.pid, signal.SIGCONT)
            stage.progress(time.time(), frozenset(range(stage.partitions)), 5)  # let it do what it would do
        return Hit()

    inject.__doc__ = f"Stop a worker at {point}, then wake it up. A lesser system's zombie goes on from there."
    return inject


def flusher_killed_at(point: str) -> Inject:
    """Make the fault that kills the leading flusher at a point."""

    def inject(stage: Stage, dice: Random) -> Hit:
        with only_flusher(stage, dice, f"{point}:{_times(point, dice)}") as (_, process):
            assert process.wait(waits.PATIENCE_SECONDS) == -signal.SIGKILL, f"the flusher ended, but not at {point}"
        publishes(stage)
        return Hit()

    inject.__doc__ = f"Kill the flusher at {point}. A lesser system publishes a snapshot twice, in part or never."
    return inject


def restorer_killed_at(point: str) -> Inject:
    """Make the fault that empties Redis and kills the flusher that restores it at a point."""

    def inject(stage: Stage, dice: Random) -> Hit:
        with only_flusher(stage, dice, f"{point}:{_times(point, dice)}") as (_, process):
            stage.redis.primary.flushall()
            assert process.wait(waits.PATIENCE_SECONDS) == -signal.SIGKILL, f"the flusher ended, but not at {point}"
            since = time.time()
        publishes(stage)
        return Hit(since)

    inject.__doc__ = f"Empty Redis, and kill the flusher at {point}. A lesser system restores a part, or twice."
    return inject


for _point in points():
    _name = f"killed-at-{_point.replace('.', '-')}"
    match role(_point):
        case "worker":
            fault(_name, row=1, budget=5, together=True)(worker_killed_at(_point))
            fault(_name.replace("killed", "stopped"), row=4, budget=5, weight=0.5)(worker_stopped_at(_point))
        case "flusher":
            fault(_name, row=27, budget=3, weight=0.5)(flusher_killed_at(_point))
        case "restore":
            fault(_name, row=17, budget=20, weight=0.5)(restorer_killed_at(_point))
