"""Time and threads under the model's hand: nothing waits, and nothing happens by itself."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class Crash(BaseException):
    """The process dies here, as by kill -9: no handler of its own may run on."""


class HandClock:
    """Passes only when someone waits, and a little at each look."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        self.now += 0.0001
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds


class Job(Future[Any]):
    """A call that the thread has not come to yet."""

    def __init__(self, hand: "HandExecutor", call: Callable[[], Any]) -> None:
        super().__init__()
        self._hand = hand
        self._call = call

    def run(self) -> None:
        try:
            self.set_result(self._call())
        except Exception as problem:  # as an executor does; a Crash goes through
            self.set_exception(problem)

    def result(self, timeout: float | None = None) -> Any:
        self._hand.wait(self, timeout)
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._hand.wait(self, timeout)
        return super().exception(0)


class HandExecutor(Executor):
    """One thread that moves when it is told to, or when someone waits for it."""

    def __init__(self, clock: HandClock) -> None:
        self.slow = False  # whoever waits with a time limit waits in vain
        self._clock = clock
        self._jobs: deque[Job] = deque()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        job = Job(self, lambda: fn(*args, **kwargs))
        self._jobs.append(job)
        return job

    def step(self) -> None:
        """Do the next job, if there is one."""
        if self._jobs:
            self._jobs.popleft().run()

    def wait(self, job: Job, seconds: float | None) -> None:
        if self.slow and seconds is not None and not job.done():
            self._clock.sleep(seconds)
            raise TimeoutError
        while not job.done():
            self.step()
