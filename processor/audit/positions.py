"""Positions that contradict each other, whatever the log holds."""

from collections.abc import Iterator

from processor.audit.begin import Noted
from processor.audit.findings import Difference


def impossible(at: Noted) -> Iterator[Difference]:
    """Name what can't be: counted or published before it was committed, or beyond the log's end.

    A login is counted after its transaction, and published after it is counted; they were noted in the other order.
    """
    for partition, offset in at.committed.items():
        end = at.input.get(partition, (0, 0))[1]
        if offset > end:
            yield _difference(partition, offset, f"the committed offset lies beyond the log's end {end}")
    for what, shards in (("cursor", at.cursors), ("checkpoint", at.checkpoint)):
        for shard, offsets in enumerate(shards):
            for partition, offset in offsets.items():
                committed = at.committed.get(partition)
                if committed is None or offset > committed:
                    said = f"the {what} of shard {shard} lies beyond the group's committed offset {committed}"
                    yield _difference(partition, offset, said)


def _difference(partition: int, offset: int, said: str) -> Difference:
    return Difference("position-impossible", said, "input", partition, offset)
