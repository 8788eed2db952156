"""How often a worker has its logins counted: a user who comes again within the time costs Redis nothing."""

from collections.abc import Mapping, Sequence

from processor.counting import Counting
from processor.counts.store import Applied, Move
from processor.logins.batch import Batch, Part
from processor.settings import WorkerSettings
from tests.model.hand import HandClock, HandExecutor
from tests.twins.record import MemoryRecord

SETTINGS = WorkerSettings(count_seconds=1.0, count_users=4)


class Applies:
    """A count store that takes everything, and notes what."""

    def __init__(self) -> None:
        self.taken: list[dict[str, int]] = []

    def cursors(self) -> list[dict[int, int]]:
        return [{}]

    def apply(self, _shard: int, _moves: Sequence[Move], users: Mapping[str, int]) -> Applied:
        self.taken.append(dict(users))
        return Applied()


class Pace:
    """A worker's counting under the hand's clock."""

    def __init__(self, settings: WorkerSettings = SETTINGS) -> None:
        self.store, self.clock = Applies(), HandClock()
        self._thread = HandExecutor(self.clock)
        self.counting = Counting(self.store, settings, self.clock, self._thread)
        self.counting.begin([{0: 0}])
        self._end = 0

    def comes(self, *users: str) -> None:
        """These log in, their transaction is committed, and the worker takes a turn."""
        first, self._end = self._end, self._end + len(users)
        records = [MemoryRecord((0, offset)) for offset in range(first, self._end)]
        columns = [b""] * len(users)
        self.counting.add(Batch(Part(0, records, self._end), users, columns, columns, None, 0, 0))
        self.turn()

    def turn(self) -> None:
        """A turn, what it sent is done, and its answer is heard."""
        self.counting.turn()
        self._thread.step()
        self.counting.turn()


def test_the_first_login_after_a_quiet_time_is_counted_at_once() -> None:
    pace = Pace()
    pace.comes("a")
    pace.clock.sleep(1.0)
    pace.comes("b")

    assert pace.store.taken == [{"a": 1}, {"b": 1}]


def test_a_user_who_comes_again_within_the_time_is_one_more_and_no_more_work() -> None:
    pace = Pace()
    pace.comes("a")
    for _ in range(5):
        pace.comes("b", "c")
        pace.clock.sleep(0.1)
    assert pace.store.taken == [{"a": 1}]

    pace.clock.sleep(0.5)
    pace.turn()

    assert pace.store.taken[1:] == [{"b": 5, "c": 5}]


def test_many_users_are_counted_before_the_time_is_over() -> None:
    pace = Pace()
    pace.comes("a")
    pace.comes("b", "c", "d")
    assert len(pace.store.taken) == 1

    pace.comes("e")

    assert pace.store.taken[1:] == [dict.fromkeys("bcde", 1)]


def test_a_pile_that_may_hold_few_users_never_stops_the_taking_for_the_whole_time() -> None:
    pace = Pace(WorkerSettings(count_seconds=1.0, count_users=4, pile_users=2))
    pace.comes("a")
    pace.comes("b", "c")

    assert not pace.counting.full
    assert pace.store.taken[1:] == [{"b": 1, "c": 1}]


def test_who_gives_partitions_up_or_ends_has_everything_counted_first() -> None:
    pace = Pace()
    pace.comes("a")
    pace.comes("b")
    began = pace.clock.now

    assert pace.counting.settle(5.0)

    assert pace.store.taken[1:] == [{"b": 1}]
    assert pace.clock.now - began < 1.0
