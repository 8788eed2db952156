"""Tells people which partitions of a worker are stopped, and the worker when they say to go on."""

from collections.abc import Collection, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from time import monotonic, time_ns
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from processor.counts.stopped import Notice
from processor.errors import DataProcessorError
from processor.log import event, warning
from processor.logins.breaker import Stopped
from processor.outage import Outage

_STOPPED_SECONDS = 1.0  # between two looks while something is stopped
_IDLE_SECONDS = 5.0  # and otherwise: what a former owner left is taken away


class Notices(Protocol):
    """Where everyone can read them."""

    def read(self) -> Mapping[int, Notice | None]:
        """Each partition's notice; None where it can't be read."""

    def put(self, notice: Notice) -> None:
        """Write one."""

    def remove(self, partition: int) -> None:
        """Take one away."""


class Changes(Struct, frozen=True):
    """What makes the notices say what is so, and which partitions a person let go on."""

    put: list[Notice]
    remove: list[int]
    go_on: dict[int, Notice]


def changes(owned: Collection[int], mine: Mapping[int, Notice], found: Mapping[int, Notice | None]) -> Changes:
    """Compare what should be there for this worker's partitions with what is; others' partitions are theirs.

    Only an answer to this very notice lets a partition go on: one that is missing was lost.
    """
    answered = {p: notice for p, notice in mine.items() if found.get(p) == replace(notice, go_on=True)}
    put = [notice for p, notice in mine.items() if p not in answered and found.get(p) != notice]
    return Changes(put, [p for p in owned if p in found and p not in mine], answered)


class Noticeboard:
    """Keeps a worker's notices; in a thread of its own, so that Redis never holds the worker up."""

    def __init__(self, notices: Notices, worker: str, thread: Executor | None = None) -> None:
        self._notices = notices
        self._worker = worker
        self._thread = thread or ThreadPoolExecutor(1, "noticeboard")
        self._outage = Outage("telling which partitions are stopped")
        self._mine: dict[int, Notice] = {}
        self._next = 0.0
        self._call: Future[dict[int, Notice]] | None = None

    def turn(self, owned: Collection[int], stopped: Mapping[int, Stopped]) -> set[int]:
        """Look, when it is time, what people said: the partitions that shall go on."""
        self._mine = {p: self._notice(found) for p, found in stopped.items() if p in owned}
        if self._call is not None:
            return self._heard(self._call) if self._call.done() else set()
        if monotonic() >= self._next and self._outage.over:
            self._call = self._thread.submit(self._agree, set(owned), dict(self._mine))
        return set()

    def _notice(self, stopped: Stopped) -> Notice:
        known = self._mine.get(stopped.partition)
        if known is not None and known.stopped == stopped:
            return known
        number = stopped.partition
        warning(
            f"partition {number} is stopped: {stopped.rejected:,} of {stopped.records:,} records in a row are "
            f"malformed, most of them `{stopped.reason}`. See `data-processor dead-letters list --partition {number}`, "
            f"mend what writes them, then `data-processor resume {number}`",
            partition=number,
            offset=stopped.offset,
        )
        self._next = 0.0
        return Notice(stopped, self._worker, time_ns() // 1_000_000)

    def _agree(self, owned: set[int], mine: dict[int, Notice]) -> dict[int, Notice]:
        wanted = changes(owned, mine, self._notices.read())
        for notice in wanted.put:
            self._notices.put(notice)
        for partition in wanted.remove:
            self._notices.remove(partition)
        return wanted.go_on

    def _heard(self, call: "Future[dict[int, Notice]]") -> set[int]:
        self._call, self._next = None, monotonic() + (_STOPPED_SECONDS if self._mine else _IDLE_SECONDS)
        try:
            answered = call.result()
        except DataProcessorError as problem:  # people can't be told now: that stops no other partition
            self._outage.failed(problem)
            return set()
        self._outage.ended()
        going_on = {p for p, notice in answered.items() if self._mine.get(p) == notice}
        for partition in going_on:
            event("going on: a person said so", partition=partition)
            self._next = 0.0  # so that the notice goes away
        return going_on
