"""What becomes of a snapshot that a crash left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.logins.snapshots import Fate, fate

CURSORS = st.dictionaries(st.integers(0, 3), st.integers(0, 5))


@pytest.mark.parametrize(
    ("cursors", "checkpoint", "expected"),
    [
        ({0: 5, 1: 5}, {0: 5, 1: 4}, Fate.PUBLISH),
        ({0: 5, 1: 5}, {}, Fate.PUBLISH),
        ({0: 5, 1: 5}, {0: 5, 1: 5}, Fate.DROP),
        ({0: 5, 1: 4}, {0: 5, 1: 5}, Fate.DROP),
        ({}, {}, Fate.DROP),
        ({}, {0: 1}, Fate.DROP),
        ({0: 6, 1: 4}, {0: 5, 1: 5}, Fate.THAW),
        ({0: 6}, {0: 5, 1: 5}, Fate.THAW),
        ({0: 4, 1: 1}, {0: 5}, Fate.THAW),
        ({0: 0}, {}, Fate.PUBLISH),
    ],
)
def test_the_fate_of_a_snapshot(cursors: dict[int, int], checkpoint: dict[int, int], expected: Fate) -> None:
    assert fate(cursors, checkpoint) is expected


@given(cursors=CURSORS, checkpoint=CURSORS)
def test_publishing_never_takes_the_checkpoint_back(cursors: dict[int, int], checkpoint: dict[int, int]) -> None:
    if fate(cursors, checkpoint) is Fate.PUBLISH:
        assert all(cursors.get(p, -1) >= offset for p, offset in checkpoint.items())
        assert cursors != checkpoint


@given(cursors=CURSORS, checkpoint=CURSORS)
def test_only_what_was_published_since_is_dropped(cursors: dict[int, int], checkpoint: dict[int, int]) -> None:
    if fate(cursors, checkpoint) is Fate.DROP:
        assert all(checkpoint.get(p, -1) >= cursor for p, cursor in cursors.items())


@given(cursors=CURSORS, checkpoint=CURSORS)
def test_seen_from_the_other_side_ahead_is_behind(cursors: dict[int, int], checkpoint: dict[int, int]) -> None:
    there, back = fate(cursors, checkpoint), fate(checkpoint, cursors)

    assert (there is Fate.THAW) == (back is Fate.THAW)
    assert (there is Fate.PUBLISH) <= (back is Fate.DROP)
