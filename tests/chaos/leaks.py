"""What must not grow with restarts and faults: processes, open files, memory."""

from dataclasses import dataclass
from pathlib import Path

from tests.chaos.host import Host

MORE_FILES = 40  # a producer that is being replaced has its connections twice for a moment
MOST_MEGABYTES = 400.0  # queues full after an outage are most of it


@dataclass(frozen=True)
class Sample:
    """One process at one moment."""

    process: str
    pid: int
    megabytes: float
    files: int


def samples(host: Host) -> list[Sample]:
    """Look at every process of a VM's pool; one that ends meanwhile is left out."""
    found = []
    for name, pid in sorted(host.pids().items()):
        try:
            found.append(Sample(f"{host.machine.name}/{name}", pid, _resident(pid), _files(pid)))
        except OSError:
            continue
    return found


def grown(looks: list[list[Sample]]) -> list[str]:
    """What grew within one process from look to look, as sentences: open files, or memory, without an end."""
    found = []
    for (name, pid), series in sorted(_by_process(looks).items()):
        process = f"{name} (process {pid})"
        first, last = series[min(1, len(series) - 1)], series[-1]  # the first look is at a process that still starts
        if last.files > first.files + MORE_FILES:
            found.append(f"{process}: open files grew from {first.files} to {last.files}")
        if last.megabytes > MOST_MEGABYTES:
            found.append(f"{process}: {last.megabytes:.0f} MB of memory")
    return found


def _by_process(looks: list[list[Sample]]) -> dict[tuple[str, int], list[Sample]]:
    series: dict[tuple[str, int], list[Sample]] = {}
    for sample in (sample for look in looks for sample in look):
        series.setdefault((sample.process, sample.pid), []).append(sample)
    return series


def strays(host: Host) -> list[int]:
    """Processes of this VM's pool that its supervisor does not know: orphans."""
    known = set(host.pids().values())
    marked = f"DATA_PROCESSOR_CONFIG={host.directory}/".encode()
    return [pid for pid in _processes(b"data-processor") if pid not in known and marked in _environment(pid)]


def _processes(word: bytes) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if word in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _resident(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
