"""The memory of processes, by /proc."""

import re
from pathlib import Path


def resident_mb(pid: int) -> float:
    """What a process has in memory now, in units of 1,000,000 bytes, shared libraries included."""
    return _field(pid, "VmRSS")


def peak_mb(pid: int) -> float:
    """The most that it ever had."""
    return _field(pid, "VmHWM")


def _field(pid: int, name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0
