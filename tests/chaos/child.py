"""A child process of the harness: it is told what to do by lines of JSON, and shows where it is on a board of numbers.

A process of its own, since what it does at tens of thousands of records a second must not hold up whoever injects
faults; and it never outlives the harness: the end of its standard input is its end.
"""

import json
import mmap
import queue
import shutil
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
END_SECONDS = 300.0
_NUMBER_BYTES = 8

Order = dict[str, Any]


def board(folder: Path) -> "memoryview[float]":
    """Map the numbers in a file that two processes share: one writes, the other reads, nobody waits."""
    with (folder / "board").open("r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), 0)).cast("d")


class Child:
    """The harness's end: starts `python -m <module>`, tells it orders, reads its board and its `folder`."""

    def __init__(self, module: str, recipe: Order, numbers: int) -> None:
        self._module = module
        self._recipe = recipe
        self.folder = Path(mkdtemp(prefix="chaos-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        (self.folder / "board").write_bytes(bytes(numbers * _NUMBER_BYTES))
        self.board = board(self.folder)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, once."""
        # A session of its own: Ctrl-C is for the harness, which then ends its children in order.
        # A harness that is killed can't: then the system does, whatever the child waits for.
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", self._module]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True)
        self.tell(**self._recipe, folder=str(self.folder))

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def tell(self, **order: Any) -> None:
        """Give an order; RuntimeError when the child has died, which no fault may bring about."""
        if self._process is None or self._process.stdin is None or self._process.poll() is not None:
            raise RuntimeError(f"{self._module} does not run: its own output says why")
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def change(self, **order: Any) -> None:
        """Give an order that is part of the recipe, as long as it does not run yet."""
        if self._process is None:
            self._recipe |= order
        else:
            self.tell(**order)

    def stop(self) -> None:
        """Let it finish what it does, and wait for its end; RuntimeError when it failed. Again: does nothing."""
        if self._process is None or self._process.stdin is None or self._process.stdin.closed:
            return
        with suppress(BrokenPipeError):  # it has died; its exit code says so below
            self._process.stdin.close()
        try:
            code = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code:
            raise RuntimeError(f"{self._module} ended with {code}: its own output says why")


class Orders:
    """The child's end of the orders: a thread waits for them, since a pipe's lines can't be asked for."""

    def __init__(self) -> None:
        self.ended = False  # nobody will give any more
        self._waiting: queue.SimpleQueue[Order] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def first(self) -> Order:
        """Wait for the recipe."""
        return self._waiting.get()

    def pending(self) -> list[Order]:
        """Take what was ordered meanwhile."""
        return [self._waiting.get() for _ in range(self._waiting.qsize())]

    def _read(self) -> None:
        for line in sys.stdin:
            self._waiting.put(json.loads(line))
        self.ended = True
