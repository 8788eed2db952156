"""The CPU of one process's threads, by their names."""

from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from benchmarks.rig.cpu import ticks

MAIN, OTHERS = "main thread", "other Python threads"


def seconds(pid: int) -> dict[str, float]:
    """CPU seconds so far of the main thread, of each kind of the Kafka client's threads, and of all others."""
    found: defaultdict[str, float] = defaultdict(float)
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            found[_kind(task, pid)] += ticks(task / "stat")
    return dict(found)


def _kind(task: Path, pid: int) -> str:
    if task.name == str(pid):
        return MAIN
    name = (task / "comm").read_text().strip()
    return f"client: {name.removeprefix('rdk:').rstrip('0123456789')}" if name.startswith("rdk:") else OTHERS
