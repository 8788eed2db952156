"""A batch's part from an offset on, and whose logins are in it."""

from hypothesis import given
from hypothesis import strategies as st

from processor.logins.batch import Batch, Part, parts
from processor.logins.records import Rejected
from tests.twins.record import MemoryRecord

BAD = Rejected("json", "no JSON")

rising = st.lists(st.integers(1, 3), min_size=1, max_size=10).map(
    lambda gaps: [sum(gaps[: at + 1]) for at in range(len(gaps))]
)


def batch(offsets: list[int], bad: set[int], with_headers: bool) -> Batch:
    """A batch in which every column tells the record's offset."""
    logins = [BAD if offset in bad else f"user-{offset}" for offset in offsets]
    texts = [b"%d" % offset for offset in offsets]
    headers = [[("at", text)] for text in texts] if with_headers else None
    part = Part(3, [MemoryRecord((3, offset)) for offset in offsets], offsets[-1] + 1)
    return Batch(part, logins, texts, texts, headers, len(bad & set(offsets)), 2 * sum(map(len, texts)))


@given(rising, st.sets(st.integers(0, 30)), st.booleans(), st.integers(0, 35))
def test_the_rest_of_a_batch_is_what_lies_at_or_after_the_offset(
    offsets: list[int], bad: set[int], with_headers: bool, start: int
) -> None:
    whole = batch(offsets, bad, with_headers)
    rest = [offset for offset in offsets if offset >= start]

    found = whole.since(start)

    assert [record.offset() for record in found.part.records] == rest
    assert found.part.end == whole.part.end
    assert [int(key or b"") for key in found.keys] == [int(value or b"") for value in found.values] == rest
    assert (found.headers is not None) == with_headers
    assert found.headers is None or found.headers == [[("at", b"%d" % offset)] for offset in rest]
    assert found.rejected == len(bad & set(rest))
    assert found.size >= 2 * sum(len(b"%d" % offset) for offset in rest)
    assert found.user_ids() == [f"user-{offset}" for offset in rest if offset not in bad]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), max_size=20))
def test_a_poll_is_divided_by_partition_and_what_nobody_expects_is_left_out(places: list[tuple[int, int]]) -> None:
    ordered = sorted(set(places), key=lambda at: at[1])  # partitions mixed, offsets rising

    found = parts([MemoryRecord(at) for at in ordered], {0: 3, 2: 0})

    assert {part.partition: [record.offset() for record in part.records] for part in found} == {
        partition: offsets
        for partition, first in ((0, 3), (2, 0))
        if (offsets := [offset for p, offset in ordered if p == partition and offset >= first])
    }
    assert all(part.end == (part.records[-1].offset() or 0) + 1 for part in found)


@given(rising, st.sets(st.integers(0, 30)), st.booleans(), st.integers(0, 35))
def test_the_first_part_of_a_batch_is_what_lies_below_the_offset(
    offsets: list[int], bad: set[int], with_headers: bool, end: int
) -> None:
    first = [offset for offset in offsets if offset < end]

    found = batch(offsets, bad, with_headers).before(end)

    assert [record.offset() for record in found.part.records] == first
    assert found.part.end == (first[-1] + 1 if first else end)
    assert [int(key or b"") for key in found.keys] == [int(value or b"") for value in found.values] == first
    assert found.headers is None or found.headers == [[("at", b"%d" % offset)] for offset in first]
    assert found.rejected == len(bad & set(first))
    assert found.size >= 2 * sum(len(b"%d" % offset) for offset in first)
    assert found.user_ids() == [f"user-{offset}" for offset in first if offset not in bad]
