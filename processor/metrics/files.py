"""Where the numbers of a VM's processes meet: one small file a process, which its successor overwrites."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import time

from msgspec import DecodeError, Struct, ValidationError, json

from processor import proc

_KEPT_SECONDS = 3600.0  # after its process's last word: a slot that no longer exists leaves nothing behind


class Series(Struct, array_like=True):
    """One value of a metric, by its labels behind `process`; of a histogram its buckets and their sum (meter.py)."""

    metric: str
    labels: tuple[str, ...]
    value: float | list[float]


class Told(Struct):
    """What a process told last."""

    process: str  # its name under supervisor
    pid: int
    born: int  # see proc.py
    at: float  # when; seconds since the epoch
    starts: int
    since: float  # when it was started; the same
    series: list[Series]

    @property
    def lives(self) -> bool:
        """Whether the process that told it is there."""
        return proc.born(self.pid) == self.born != 0


def folder(run_directory: str) -> Path:
    """Where they are."""
    return Path(run_directory) / "metrics"


def write(directory: Path, told: Told) -> None:
    """Replace a process's file at once, so that nobody reads half of it; raises OSError."""
    path = directory / f"{told.process}.json"
    new = path.with_suffix(".new")
    new.write_bytes(json.encode(told))
    new.replace(path)


def read(path: Path) -> Told | None:
    """One process's file; None where there is none, or none that can be read."""
    with suppress(OSError, DecodeError, ValidationError):
        return json.decode(path.read_bytes(), type=Told)
    return None


def living(directory: Path) -> Iterator[Told]:
    """What each living process told; a file of one that has been dead for long is removed."""
    for path in sorted(directory.glob("*.json")):
        told = read(path)
        if told is not None and told.lives:
            yield told
        elif _age(path) > _KEPT_SECONDS:
            path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    with suppress(OSError):
        return time() - path.stat().st_mtime
    return 0.0
