"""Counts what was committed: one apply in flight, the rest piles up, and Redis has the last word on the cursors."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol

from processor.clock import Clock
from processor.counts.store import Applied, Conflict, Move
from processor.errors import NotReady, Unavailable
from processor.faults import reach
from processor.logins.batch import Batch
from processor.logins.pile import Change, Pile
from processor.logins.records import MAX_USER_ID
from processor.metrics.meter import add, observe
from processor.metrics.told import APPLIES, APPLY_SECONDS, APPLY_USERS, SKIPPED
from processor.outage import Outage
from processor.settings import WorkerSettings


class Counts(Protocol):
    """The count store, as a worker needs it."""

    def cursors(self) -> list[dict[int, int]]:
        """Each shard's cursors; raises NotReady, LineageMismatch or Unavailable."""

    def apply(self, shard: int, moves: Sequence[Move], users: Mapping[str, int]) -> Applied | Conflict:
        """Add counts and move cursors, all or nothing; raises what `cursors` does."""


class Counting:
    """The worker's side of the count store; `lost` means that the cursors are not where we thought.

    The calls run in one thread of their own, so a Redis that stalls never keeps the worker from polling Kafka.
    """

    def __init__(
        self, store: Counts, settings: WorkerSettings, clock: Clock = time, thread: Executor | None = None
    ) -> None:
        self.lost = True
        self._store = store
        self._settings = settings
        self._clock = clock
        self._thread = thread or ThreadPoolExecutor(1, "counting")
        self._outage = Outage("counting in Redis", clock)
        self._pile = Pile([])
        self._changes: list[Change] = []
        self._call: Future[Applied | Conflict] | None = None
        self._heard = clock.monotonic()
        self._sent = float("-inf")

    def cursors(self) -> list[dict[int, int]]:
        """Each shard's cursors, as Redis has them now."""
        return self._thread.submit(self._store.cursors).result()  # behind an apply in flight, so that it shows

    def begin(self, cursors: Sequence[Mapping[int, int | None]]) -> None:
        """Start from these cursors with nothing piled up."""
        self.forget()
        self._pile, self.lost, self._heard = Pile(cursors), False, self._clock.monotonic()

    def forget(self) -> None:
        """Drop the pile, and ignore what is in flight: applied or not, the cursors will tell."""
        self._pile, self._changes, self._call, self.lost = Pile([]), [], None, True

    @property
    def full(self) -> bool:
        """Whether so much waits that no more records should be taken."""
        users, most = self._pile.users, self._settings.pile_bytes
        return users >= self._settings.pile_users or (users * MAX_USER_ID >= most and self._pile.characters >= most)

    @property
    def settled(self) -> bool:
        """Whether everything was applied."""
        return not self._changes and self._pile.empty

    def add(self, batch: Batch) -> None:
        """Pile up a batch whose transaction was committed."""
        if skipped := self._pile.add(batch):
            add(SKIPPED, skipped, "counts")

    def turn(self, *, hurry: bool = False) -> None:
        """Hear the answer of the apply in flight, if it came, and send the next when it is due; in a hurry, at once."""
        if self._call is not None and self._call.done():
            self._hear(self._call)
        if self._call is None and not self.lost and self._outage.over:
            self._send(hurry)

    def settle(self, seconds: float) -> bool:
        """Wait until everything is applied, at most so long; whether it is."""
        deadline = self._clock.monotonic() + seconds
        while not self.lost and not self.settled and self._clock.monotonic() < deadline:
            self.turn(hurry=True)
            self._wait(0.05)
        return not self.lost and self.settled

    def _wait(self, seconds: float) -> None:
        if self._call is not None:
            with suppress(TimeoutError):
                self._call.exception(seconds)
        elif not self.settled:
            self._clock.sleep(seconds)

    def _send(self, hurry: bool) -> None:
        now = self._clock.monotonic()
        idle = now - self._heard > self._settings.idle_seconds
        if not self._changes and (idle or (not self._pile.empty and (hurry or self._due(now)))):
            self._sent = now
            self._changes = self._pile.take()  # even when nothing waits: the comparison notices a Redis gone back
        if self._changes:
            self._call = self._thread.submit(self._apply, self._changes[0])

    def _due(self, now: float) -> bool:
        """Whether the pile has grown for long enough: a user who comes again meanwhile costs Redis nothing."""
        settings = self._settings
        return now - self._sent >= settings.count_seconds or self._pile.users >= settings.count_users or self.full

    def _apply(self, change: Change) -> Applied | Conflict:
        reach("worker.before-apply")
        moves = [Move(p, start, change.ends[p]) for p, start in change.starts.items()]
        began = time.monotonic()
        answer = self._store.apply(change.shard, moves, change.users)
        observe(APPLY_SECONDS, time.monotonic() - began)
        observe(APPLY_USERS, len(change.users))
        reach("worker.after-apply")
        return answer

    def _hear(self, call: "Future[Applied | Conflict]") -> None:
        """Go on after "applied", also by an earlier try that was not answered; repeat exactly what was not answered."""
        self._call = None
        try:
            answer = call.result()
        except Unavailable as problem:
            add(APPLIES, 1, "unavailable")
            self._outage.failed(problem)
            return
        except NotReady:
            add(APPLIES, 1, "not-ready")
            self.forget()
            return
        self._outage.ended()
        self._heard = self._clock.monotonic()
        if isinstance(answer, Conflict) and not _stands(answer.cursors, self._changes[0]):
            add(APPLIES, 1, "conflict")
            self.forget()
        else:
            add(APPLIES, 1, "applied")
            self._changes.pop(0)


def _stands(cursors: Mapping[int, int | None], change: Change) -> bool:
    return all(cursors.get(partition) == end for partition, end in change.ends.items())
