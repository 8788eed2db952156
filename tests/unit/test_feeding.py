from itertools import chain, count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.cli.feeding import Chunk, cut, paced, until


def blocks(sizes: list[int]) -> list[Chunk]:
    numbers = count()
    return [[(None, b"%d" % number) for number in islice(numbers, size)] for size in sizes]


@given(st.lists(st.integers(1, 5), min_size=1), st.integers(1, 40))
def test_cutting_keeps_the_first_so_many(sizes: list[int], amount: int) -> None:
    everything = list(chain.from_iterable(blocks(sizes)))

    assert list(chain.from_iterable(cut(blocks(sizes), amount))) == everything[:amount]


def test_cutting_takes_no_block_more_than_it_needs() -> None:
    endless = (block for block in blocks([3] * 10))

    assert len(list(cut(endless, 6))) == 2
    assert next(endless)[0] == (None, b"6")


@pytest.mark.parametrize("rate", [2_000.0, 1e9])
def test_a_pace_changes_neither_records_nor_their_order(rate: float) -> None:
    sizes = [7, 100, 1]

    assert list(chain.from_iterable(paced(blocks(sizes), rate))) == list(chain.from_iterable(blocks(sizes)))


def test_a_rate_divides_a_block_and_never_leads() -> None:
    clock, out = ClockByHand(), 0

    for chunk in paced(blocks([500, 500]), 100.0, clock):
        out += len(chunk)
        assert out <= 100 * clock.now

    assert out == 1000
    assert clock.now == pytest.approx(10.0, abs=0.1)


def test_time_is_up_when_it_is_up() -> None:
    clock, taken = ClockByHand(), 0

    for _ in until(blocks([1] * 10), 3.0, clock):
        taken += 1
        clock.now += 1.0

    assert taken == 3


class ClockByHand:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
