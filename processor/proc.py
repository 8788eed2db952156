"""What the kernel tells of a process, in /proc."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PARENTHESIS = 2  # fields before those that follow the name, which may hold anything


def born(process: int) -> int:
    """When a process was started, in ticks since the machine was: no two of one number have the same; 0: it is gone."""
    fields = _fields(process)
    return int(fields[22 - 1 - _PARENTHESIS]) if fields and fields[0] not in "ZX" else 0


def cpu_seconds(process: int) -> float | None:
    """The CPU that a process has used, its own and the kernel's for it; None when it is gone."""
    fields = _fields(process)
    return (int(fields[14 - 1 - _PARENTHESIS]) + int(fields[15 - 1 - _PARENTHESIS])) / _TICKS if fields else None


def resident_bytes(process: int) -> int | None:
    """The memory that a process has; None when it is gone."""
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return None


def open_files(process: int) -> int | None:
    """How many files, pipes and connections a process has open; None when it is gone, or another user's."""
    try:
        return len(os.listdir(f"/proc/{process}/fd"))  # noqa: PTH208 (a Path for each would cost more)
    except OSError:
        return None


def _fields(process: int) -> list[str]:
    """What stands behind its name, from the third field on; empty when it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
