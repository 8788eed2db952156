"""What is kept of judged records: places of all, and the whole of those that become dead letters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.logins.batch import Batch
from processor.logins.outline import outlined
from tests.twins.record import MemoryRecord
from tests.unit.test_batch import BAD, batch, rising


class Sized(MemoryRecord):
    """Falsy where it has no bytes, as the client's messages are."""

    def __len__(self) -> int:
        return len(self.given_value or b"")


def sized(whole: Batch) -> Batch:
    for at, record in enumerate(whole.part.records):
        whole.part.records[at] = Sized(  # type: ignore[index]  # a list, as parts makes it
            (record.partition() or 0, record.offset() or 0), b"key", None, None, 7
        )
    return whole


@given(rising, st.sets(st.integers(0, 30)), st.booleans(), st.integers(0, 35))
def test_an_outline_is_divided_as_the_whole_is(offsets: list[int], bad: set[int], with_headers: bool, at: int) -> None:
    whole = sized(batch(offsets, bad, with_headers))
    outline = outlined(whole)

    for found, expected in (
        (outline, whole),
        (outline.since(at), whole.since(at)),
        (outline.before(at), whole.before(at)),
    ):
        assert [r.offset() for r in found.part.records] == [r.offset() for r in expected.part.records]
        assert {r.partition() for r in found.part.records} <= {3}
        assert found.part.end == expected.part.end
        assert (found.users, found.keys, found.values) == (expected.users, expected.keys, expected.values)
        assert (found.headers, found.rejected) == (expected.headers, expected.rejected)


@given(rising, st.sets(st.integers(0, 30)), st.integers(0, 35))
def test_what_becomes_a_dead_letter_is_kept_whole_even_without_bytes(
    offsets: list[int], bad: set[int], at: int
) -> None:
    whole = sized(batch(offsets, bad, with_headers=False))

    rest = outlined(whole).since(at)

    for record, user in zip(rest.part.records, rest.users, strict=True):
        assert record.timestamp() == (1, 7)
        if user is BAD:
            assert record in whole.part.records
            assert record.value() is None
        else:
            with pytest.raises(LookupError, match=f"offset {record.offset()} were let go"):
                record.value()
