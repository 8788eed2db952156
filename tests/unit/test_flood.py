"""A flood of distinct users, while Redis is slow or away: no more is taken than was agreed to be kept."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from processor.counting import Counting
from processor.counts.store import Applied, Move
from processor.errors import Unavailable
from processor.kafka.offsets import Committed
from processor.logins.decode import Decoder
from processor.logins.judge import Judge
from processor.settings import WorkerSettings
from processor.worker import Worker
from tests.twins.record import MemoryRecord

POLLED = 100
SETTINGS = WorkerSettings(pile_users=1_000)


class Flood:
    """A partition in which every login is another user's."""

    moved = False

    def __init__(self) -> None:
        self.owned = {0}
        self.taken = 0
        self.paused = False

    def poll(self, _limit: int, _seconds: float) -> Sequence[MemoryRecord]:
        if self.paused:
            return []
        start, self.taken = self.taken, self.taken + POLLED
        return [MemoryRecord((0, at), b"k", b'{"user_id":%d,"timestamp":1}' % at) for at in range(start, self.taken)]

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def committed(self) -> dict[int, Committed]:
        return {}

    def bounds(self) -> dict[int, tuple[int, int]]:
        return {0: (0, 10**9)}

    def seek(self, _starts: Mapping[int, int]) -> None:
        """It is there already."""

    def hold(self, _partitions: object) -> None:
        """Nothing is malformed."""

    def membership(self) -> Any:
        return None

    def ready(self) -> None:
        """As an output: it is."""

    def write(self, *_transaction: object) -> None:
        """As an output: it goes well."""


class Away:
    """Redis, of which nobody hears while it is away."""

    def __init__(self) -> None:
        self.away = True
        self.counts: Counter[str] = Counter()

    def cursors(self) -> list[dict[int, int]]:
        return [{}]

    def apply(self, _shard: int, _moves: Sequence[Move], users: Mapping[str, int]) -> Applied:
        if self.away:
            raise Unavailable("Redis: no answer")
        self.counts.update(users)
        return Applied()


def test_a_flood_of_distinct_users_stops_the_taking_and_not_the_process() -> None:
    flood, redis = Flood(), Away()
    counting = Counting(redis, SETTINGS)
    worker = Worker(flood, flood, counting, Judge(Decoder("keep"), 1_000_000, lambda: 0).judge, SETTINGS)

    for _ in range(50):
        worker.turn()

    # What is in flight was taken out of the pile before it filled: at most a poll more than twice the bound.
    assert SETTINGS.pile_users <= flood.taken <= 2 * SETTINGS.pile_users + POLLED
    assert worker.positions() == {}

    redis.away, enough = False, flood.taken
    deadline = time.monotonic() + 60
    while redis.counts.total() < enough and time.monotonic() < deadline:
        worker.turn()
    assert redis.counts.total() >= enough
    assert set(redis.counts.values()) == {1}
