"""What becomes of a snapshot that a crash left, judged by its cursors and the checkpoint."""

from collections.abc import Mapping
from enum import Enum


class Fate(Enum):
    """What the flusher does with a snapshot."""

    PUBLISH = "publish"  # it is ahead: publishing it moves the checkpoint on
    DROP = "drop"  # at or below the checkpoint everywhere: all in it was published since
    THAW = "thaw"  # ahead here and behind there: publishing it would lower counts, dropping it would lose some


def fate(cursors: Mapping[int, int], checkpoint: Mapping[int, int], forgets: bool = False) -> Fate:
    """Compare a snapshot's cursors with the checkpoint; a partition without an offset stands below any other.

    One that `forgets` a user, of which the checkpoint does not know, may stand where that does and is ahead of it.
    """
    partitions = cursors.keys() | checkpoint.keys()
    ahead = any(cursors.get(p, -1) > checkpoint.get(p, -1) for p in partitions)
    behind = any(cursors.get(p, -1) < checkpoint.get(p, -1) for p in partitions)
    if not (ahead or forgets):
        return Fate.DROP
    return Fate.THAW if behind else Fate.PUBLISH
