"""Garbage in cycles is collected between batches, once in a while, and never in the middle of one."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from processor.tidying import Tidying
from tests.model.hand import HandClock


class Knot:
    """An object that holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_garbage_in_a_cycle_stays_until_a_minute_has_passed_and_no_longer() -> None:
    clock = HandClock()
    tidying = Tidying(clock)
    tidying.begin()
    garbage = weakref.ref(Knot())

    for _ in range(3):
        [Knot.__new__(Knot) for _ in range(10_000)]  # what would make Python collect by itself
        tidying.turn()
    assert garbage() is not None

    clock.sleep(61)
    tidying.turn()
    assert garbage() is None


def test_another_minute_later_it_is_collected_again() -> None:
    clock = HandClock()
    tidying = Tidying(clock)
    tidying.begin()
    for _ in range(2):
        garbage = weakref.ref(Knot())
        clock.sleep(61)
        tidying.turn()
        assert garbage() is None
