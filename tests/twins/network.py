"""What lies between a process and its servers: requests and answers get lost there, or come late."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from processor.errors import Unavailable

T = TypeVar("T")


class Late(Exception):  # noqa: N818 - no failure of a test, but a fault that it plans
    """Raised by `disturb` before a call: the request will arrive at some later time, and the caller gets `instead`."""

    def __init__(self, instead: BaseException) -> None:
        super().__init__()
        self.instead = instead


class Network:
    """Every call goes through here; `disturb` is told of each before and after it takes effect, and may raise."""

    def __init__(self) -> None:
        self.disturb: Callable[[str], None] = lambda _point: None
        self.late: list[Callable[[], object]] = []
        self.down: set[str] = set()

    def call(self, server: str, name: str, effect: Callable[[], T]) -> T:
        """Have a request carried out, and bring back the answer."""
        if server in self.down:
            raise Unavailable(f"{server}: {name}: the twin is down")
        try:
            self.disturb(f"before {name}")
        except Late as late:
            self.late.append(effect)
            raise late.instead from None
        answer = effect()
        self.disturb(f"after {name}")
        return answer

    def deliver(self, which: int) -> None:
        """Let a request arrive that nobody waits for any more."""
        if self.late:
            with suppress(Exception):  # whatever the server answers, nobody hears it
                self.late.pop(which % len(self.late))()
