"""What a poll returned, divided by partition: rising offsets, each once, from where the partition stands."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.logins import batch
from processor.logins.batch import parts
from tests.twins.record import MemoryRecord

OFFSETS = st.lists(st.integers(0, 30), min_size=1, max_size=12)


@pytest.fixture(autouse=True, scope="module")
def small_parts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "PART_RECORDS", 3)
        yield


def record(offset: int) -> MemoryRecord:
    return MemoryRecord((0, offset), None, b"")


def kept(offsets: list[int], expected: int) -> list[int | None]:
    found = parts([record(offset) for offset in offsets], {0: expected})
    return [each.offset() for part in found for each in part.records]


@given(OFFSETS, st.integers(0, 30))
def test_no_record_comes_twice_or_from_before(offsets: list[int], expected: int) -> None:
    taken, following = [], expected
    for offset in offsets:
        if offset >= following:
            taken.append(offset)
            following = offset + 1

    assert kept(offsets, expected) == taken


def test_a_part_is_never_larger_than_the_cache_and_the_next_one_goes_on() -> None:
    found = parts([MemoryRecord((offset % 2, offset)) for offset in range(20)], {0: 0, 1: 0})

    assert max(len(part.records) for part in found) <= 3
    for partition in (0, 1):
        own = [part for part in found if part.partition == partition]
        assert [each.offset() for part in own for each in part.records] == list(range(partition, 20, 2))
        assert [part.end for part in own] == [(part.records[-1].offset() or 0) + 1 for part in own]


def test_a_gap_does_not_hide_a_repetition() -> None:
    assert kept([10, 11, 10, 11, 12, 15], 10) == [10, 11, 12, 15]
