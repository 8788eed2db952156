"""Two small collections of the matching: things waiting for their counterpart, and what was matched of late."""

from collections import deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Shelf(Generic[K, T]):
    """Things waiting under their keys; those under the same key leave in the order in which they came."""

    def __init__(self) -> None:
        self.size = 0
        self._first: dict[K, T] = {}
        self._more: dict[K, deque[T]] = {}  # beside the first one: rare, so most keys need none

    def put(self, key: K, thing: T) -> None:
        """Let it wait."""
        self.size += 1
        if key in self._first:
            self._more.setdefault(key, deque()).append(thing)
        else:
            self._first[key] = thing

    def take(self, key: K) -> T | None:
        """Remove the one that has waited longest under this key."""
        thing = self._first.pop(key, None)
        if thing is not None:
            self.size -= 1
            if key in self._more:
                self._move_up(key)
        return thing

    def __iter__(self) -> Iterator[tuple[K, T]]:
        """Yield all that waits."""
        yield from self._first.items()
        for key, things in self._more.items():
            yield from ((key, thing) for thing in things)

    def _move_up(self, key: K) -> None:
        things = self._more[key]
        self._first[key] = things.popleft()
        if not things:
            del self._more[key]


class Recent(Generic[K]):
    """Remembers the last keys, between one and two times as many as it is told; costs little."""

    def __init__(self, many: int = 100_000) -> None:
        self._many = many
        self._new: set[K] = set()
        self._old: set[K] = set()

    def add(self, key: K) -> None:
        """Remember, and forget the oldest some time."""
        self._new.add(key)
        if len(self._new) >= self._many:
            self._old, self._new = self._new, set()

    def __contains__(self, key: K) -> bool:
        """Whether it was among the last."""
        return key in self._new or key in self._old
