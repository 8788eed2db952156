"""Where a program's time goes: its functions are wrapped, and each counts what it does itself, without the others."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

from benchmarks.rig.failed import Failed

P = ParamSpec("P")
T = TypeVar("T")


class Stopwatch:
    """CPU and elapsed nanoseconds by stage; a thread's time is counted where the thread was."""

    def __init__(self) -> None:
        self.cpu: Counter[str] = Counter()
        self.elapsed: Counter[str] = Counter()
        self._here = threading.local()

    def timed(self, stage: str, function: Callable[P, T]) -> Callable[P, T]:
        """The function, with its time taken."""

        @wraps(function)
        def timed(*arguments: P.args, **named: P.kwargs) -> T:
            before: tuple[int, int] = getattr(self._here, "within", (0, 0))
            self._here.within = (0, 0)  # CPU and elapsed time of wrapped functions called in here
            cpu, elapsed = time.thread_time_ns(), time.perf_counter_ns()
            try:
                return function(*arguments, **named)
            finally:
                spent = (time.thread_time_ns() - cpu, time.perf_counter_ns() - elapsed)
                within = self._here.within
                self.cpu[stage] += spent[0] - within[0]
                self.elapsed[stage] += spent[1] - within[1]
                self._here.within = (before[0] + spent[0], before[1] + spent[1])

        return timed

    def wrap(self, stage: str, target: str) -> None:
        """Wrap `package.module:name` or `package.module:Class.name` where it stands; raises Failed when it is gone."""
        path, _, names = target.partition(":")
        owner: Any = import_module(path)
        *outer, name = names.split(".")
        try:
            for each in outer:
                owner = getattr(owner, each)
            setattr(owner, name, self.timed(stage, getattr(owner, name)))
        except AttributeError:
            raise Failed(
                f"{target} is not there any more: say in benchmarks/staged_worker.py what took its place"
            ) from None
