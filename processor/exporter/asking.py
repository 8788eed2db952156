"""A thread that asks one system every few seconds: no scrape ever waits for Kafka, Redis or supervisor."""

from collections.abc import Callable
from threading import Event, Thread
from time import monotonic, time
from typing import Generic, TypeVar

from msgspec import Struct

from processor.errors import DataProcessorError
from processor.outage import Outage

T = TypeVar("T")


class Answer(Struct, Generic[T], frozen=True):
    """What came of the last look; nothing, when nobody answered: what is old is no answer."""

    value: T | None = None
    at: float = 0.0  # when the last look that was answered ended; seconds since the epoch, 0: never
    took: float = 0.0  # of the last look, in seconds


class Asking(Thread, Generic[T]):
    """Keeps the last `answer` of one system."""

    def __init__(self, system: str, every: float, ask: Callable[[], T]) -> None:
        super().__init__(name=system, daemon=True)
        self.answer: Answer[T] = Answer()
        self.turned = monotonic()
        self.looked = Event()  # at least once
        self._every = every
        self._ask = ask
        self._outage = Outage(f"asking {system}")
        self._ended = Event()

    def run(self) -> None:
        """Ask at once, and then again and again."""
        while not self._ended.is_set():
            self.turned = monotonic()
            self._look()
            self.looked.set()
            self._ended.wait(self._every)

    def end(self, seconds: float) -> None:
        """Ask no more; waits at most so long for the question under way."""
        self._ended.set()
        self.join(seconds)

    def _look(self) -> None:
        began = monotonic()
        try:
            value = self._ask()
        except DataProcessorError as problem:
            self._outage.failed(problem)
            self.answer = Answer(None, self.answer.at, monotonic() - began)
        else:
            self._outage.ended()
            self.answer = Answer(value, time(), monotonic() - began)
