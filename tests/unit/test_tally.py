"""What a worker tells of its batches adds up to the records that were in them."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.logins.batch import Batch, Part
from processor.logins.pile import Pile
from processor.logins.records import Rejected
from processor.metrics import meter, told
from processor.metrics.metric import Metric
from processor.tally import idle, processed
from tests.twins.record import MemoryRecord

BAD = Rejected("json", "no JSON")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    yield
    meter.begin((), ("",))


def batch(size: int, bad: set[int], partition: int = 0, first: int = 0) -> Batch:
    offsets = range(first, first + size)
    users = [BAD if at in bad else f"user-{at}" for at in offsets]
    values = [None if at in bad else b"" for at in offsets]
    part = Part(partition, [MemoryRecord((partition, at)) for at in offsets], first + size)
    return Batch(part, users, [None] * size, values, None, len(bad & set(offsets)), 0)


def counted(metric: Metric) -> dict[tuple[str, ...], float]:
    return {labels: value for each, labels, value in meter.numbers() if each is metric and value}


def weighed(metric: Metric) -> float:
    return sum(sum(counts[:-1]) for each, _, counts in meter.histograms() if each is metric)


@given(st.integers(1, 60), st.sets(st.integers(0, 60)), st.integers(0, 70))
def test_each_record_is_produced_a_dead_letter_or_skipped(size: int, bad: set[int], committed: int) -> None:
    meter.begin(told.OF_WORKER, told.STATES["worker"])
    new = max(0, size - committed)

    processed([batch(size, bad)], {0: committed})

    letters = counted(told.DEAD_LETTERED).get(("json",), 0)
    assert counted(told.CONSUMED) == {("0",): size}
    assert counted(told.PRODUCED).get(("0",), 0) + letters == new
    assert letters == len({at for at in bad if committed <= at < size})
    assert counted(told.SKIPPED).get(("output",), 0) == size - new
    assert weighed(told.AGE) == new


def test_every_partition_of_a_poll_is_one_batch_and_has_got_on() -> None:
    meter.begin(told.OF_WORKER, told.STATES["worker"])

    processed([batch(3, set(), 0), batch(4, set(), 5)], {0: 0, 5: 0})
    idle([7])

    assert weighed(told.BATCH_RECORDS) == 1
    assert Counter(labels for labels in counted(told.PROGRESS)) == Counter([("0",), ("5",), ("7",)])


@given(st.integers(1, 20), st.lists(st.integers(0, 30), min_size=1, max_size=3))
def test_what_no_shard_counts_again_is_what_lies_below_all_their_cursors(size: int, cursors: list[int]) -> None:
    pile = Pile([{0: cursor} for cursor in cursors])

    assert pile.add(batch(size, set())) == min(size, *cursors)
