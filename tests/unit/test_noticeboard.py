"""What a worker says about its stopped partitions, and what it hears: only an answer to its own notice counts."""

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from processor.counts.stopped import Notice
from processor.logins.breaker import Stopped
from processor.noticeboard import Noticeboard, changes
from tests.model.hand import HandClock, HandExecutor

patient = settings(deadline=None)  # a busy machine takes its time
PARTITIONS = st.integers(0, 4)
NOTICES = st.builds(
    Notice,
    st.builds(Stopped, PARTITIONS, st.just(7), st.just(3), st.just(4), st.just("json")),
    st.just("w"),
    PARTITIONS,
)


def of(notices: list[Notice]) -> dict[int, Notice]:
    return {notice.stopped.partition: notice for notice in notices}


@patient
@given(st.sets(PARTITIONS), st.lists(NOTICES), st.dictionaries(PARTITIONS, NOTICES | st.none()), st.sets(PARTITIONS))
def test_afterwards_the_notices_of_its_partitions_are_its_own_and_others_are_untouched(
    owned: set[int], notices: list[Notice], found: dict[int, Notice | None], answered: set[int]
) -> None:
    mine = {p: own for p, own in of(notices).items() if p in owned}
    found |= {p: replace(own, go_on=True) for p, own in mine.items() if p in answered}

    wanted = changes(owned, mine, found)

    after = {p: there for p, there in found.items() if p not in wanted.remove} | of(wanted.put)
    assert {p: there for p, there in after.items() if p not in owned} == {
        p: there for p, there in found.items() if p not in owned
    }
    assert {p: there for p, there in after.items() if p in owned and p not in wanted.go_on} == {
        p: own for p, own in mine.items() if p not in answered
    }
    assert set(wanted.go_on) == answered & mine.keys()


class Board:
    """Notices in memory."""

    def __init__(self) -> None:
        self.there: dict[int, Notice | None] = {}

    def read(self) -> Mapping[int, Notice | None]:
        return dict(self.there)

    def put(self, one: Notice) -> None:
        self.there[one.stopped.partition] = one

    def remove(self, partition: int) -> None:
        del self.there[partition]


def test_what_was_asked_about_one_stop_does_not_end_the_next() -> None:
    notices, hand = Board(), HandExecutor(HandClock())
    board = Noticeboard(notices, "w", hand)
    first = Stopped(0, 7, 3, 4, "json")
    board.turn({0}, {0: first})
    hand.step()
    assert board.turn({0}, {0: first}) == set()
    said = notices.there[0]
    assert said is not None
    notices.put(replace(said, go_on=True))
    board._next = 0.0
    board.turn({0}, {0: first})
    hand.step()

    later = replace(first, offset=20)

    assert board.turn({0}, {0: later}) == set()


def test_an_answer_is_heard_and_the_notice_goes_away() -> None:
    notices, hand = Board(), HandExecutor(HandClock())
    board = Noticeboard(notices, "w", hand)
    stopped = Stopped(0, 7, 3, 4, "json")
    for _ in range(2):
        board.turn({0}, {0: stopped})
        hand.step()
        assert board.turn({0}, {0: stopped}) == set()
        board._next = 0.0
    said = notices.there[0]
    assert said is not None
    notices.put(replace(said, go_on=True))

    board.turn({0}, {0: stopped})
    hand.step()
    assert board.turn({0}, {0: stopped}) == {0}
    board.turn({0}, {})
    hand.step()

    assert notices.there == {}
