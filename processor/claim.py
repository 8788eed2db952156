"""One process a name: a lock in the run directory that the system frees when its owner dies, however it dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from processor.errors import ConfigurationError, Fenced

_PATIENCE_SECONDS = 1.0  # a predecessor that was killed a moment ago may still be on its way out


@contextmanager
def claimed(run_directory: str, name: str) -> Iterator[None]:
    """Be the only process of this name in this run directory; raises Fenced when another one is."""
    path = Path(run_directory) / f"{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        raise ConfigurationError(f"run_directory: {path} can't be written: {problem.strerror}") from problem
    try:
        _lock(descriptor, name, path)
        with suppress(OSError):  # the number is for people; the lock holds without it, on a full disk too
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, name: str, path: Path) -> None:
    deadline = monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            if monotonic() > deadline:
                owner = os.pread(descriptor, 20, 0).decode(errors="replace")
                raise Fenced(
                    f"{name} runs already as process {owner} ({path} is locked): stop that one, "
                    "or give this pool a run_directory and a host of its own"
                ) from problem
            sleep(0.02)
