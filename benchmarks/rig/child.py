"""A function in a process of its own, so that feeding and reading do not wait for each other's interpreter."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Generic, ParamSpec, TypeVar

from benchmarks.rig.failed import Failed

P = ParamSpec("P")
T = TypeVar("T")

SPAWN = multiprocessing.get_context("spawn")  # a fork would share the client's sockets, but none of its threads


class Child(Generic[T]):
    """A call under way elsewhere."""

    def __init__(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> None:
        self._name = function.__name__
        self._answer, theirs = SPAWN.Pipe(duplex=False)
        self._process = SPAWN.Process(target=_call, args=(theirs, function, arguments, named), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid or 0

    def result(self, seconds: float) -> T:
        """What the function returned; raises Failed with what it raised, or after so long."""
        try:
            if not self._answer.poll(seconds):
                raise Failed(f"{self._name} did not end within {seconds:.0f} s")
            went_well, answer = self._answer.recv()
        except EOFError:
            raise Failed(f"{self._name}: its process died") from None
        finally:
            self.end()
        if not went_well:
            raise Failed(f"{self._name}: {answer}")
        return answer  # type: ignore[no-any-return]

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.terminate()
        self._process.join(10)


def _call(answer: Connection, function: Callable[..., Any], arguments: Any, named: Any) -> None:
    try:
        answer.send((True, function(*arguments, **named)))
    except Exception as problem:
        answer.send((False, f"{type(problem).__name__}: {problem}"))


def orphaned() -> bool:
    """Whether the process that began this one is gone: then nobody waits for an answer."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()
