"""The CPU that processes have used, by /proc, taken at two moments so that what came before does not count."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")

Seconds = dict[str, float]
"""CPU seconds of groups of processes, by the group's name."""


def seconds(pid: int) -> float:
    """A process's CPU seconds so far, with those of its children, ended ones too; 0 when it is gone."""
    stat = Path(f"/proc/{pid}/stat")
    return ticks(stat, children=True) + sum(seconds(child) for child in _children(pid))


def ticks(stat: Path, *, children: bool = False) -> float:
    """The CPU seconds that a process's or a thread's `stat` tells, with `children` those of ended children too."""
    try:
        fields = stat.read_text().rpartition(")")[2].split()  # proc(5), from behind the name: the state first
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, fields[11 : 15 if children else 13])) / _TICKS  # utime, stime, cutime, cstime


def snapshot(groups: Mapping[str, Sequence[int]]) -> Seconds:
    """What each group of processes has used so far."""
    return {name: sum(map(seconds, pids)) for name, pids in groups.items()}


def between(before: Mapping[str, float], after: Mapping[str, float]) -> Seconds:
    """What each group used from one snapshot to another."""
    return {name: after[name] - before[name] for name in before}


def machine_busy() -> float:
    """CPU seconds that all of the machine has used for anything since it started."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _waiting, irq, softirq, _stolen = fields
    return (user + nice + system + irq + softirq) / _TICKS


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def _children(pid: int) -> list[int]:
    try:
        return [
            int(child)
            for tasks in Path(f"/proc/{pid}/task").iterdir()
            for child in (tasks / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return []
