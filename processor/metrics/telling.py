"""Writes this process's numbers to its file about once a second, in a thread: a slow disk never holds the work up."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import time

from processor import proc
from processor.log import warning
from processor.metrics import files, meter, told

_EVERY_SECONDS = 1.0


@contextmanager
def telling(run_directory: str, process: str, role: str) -> Iterator[None]:
    """Tell while this lasts; `process` is its name under supervisor. Where nothing can be written, work goes on."""
    meter.begin(told.BY[role], told.STATES[role])
    thread = _Telling(files.folder(run_directory), process)
    thread.start()
    try:
        yield
    finally:
        thread.end()


class _Telling(Thread):
    def __init__(self, directory: Path, process: str) -> None:
        super().__init__(name="telling", daemon=True)
        self._directory = directory
        self._process = process
        self._ended = Event()
        self._since = time()
        self._born = proc.born(os.getpid())
        before = files.read(directory / f"{process}.json")
        self._starts = before.starts + 1 if before else 1
        self._warned = False

    def run(self) -> None:
        """Tell at once, so that the next start knows of this one, then every second, and at the end."""
        self._tell()
        while not self._ended.wait(_EVERY_SECONDS):
            self._tell()
        self._tell()

    def end(self) -> None:
        """Tell the last numbers, unless the disk takes too long."""
        self._ended.set()
        self.join(_EVERY_SECONDS)

    def _tell(self) -> None:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            files.write(self._directory, self._now())
        except OSError as problem:
            if not self._warned:
                self._warned = True
                warning("can't write metrics: going on without", folder=str(self._directory), why=problem.strerror)

    def _now(self) -> files.Told:
        meter.sample()
        series = [files.Series(metric.name, labels, value) for metric, labels, value in meter.numbers()]
        series += [files.Series(metric.name, labels, counts) for metric, labels, counts in meter.histograms()]
        return files.Told(self._process, os.getpid(), self._born, time(), self._starts, self._since, series)
