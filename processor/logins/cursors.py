"""Where a partition starts, from the positions that its two sinks keep; and what is refused instead of guessed."""

from collections.abc import Sequence

from msgspec import Struct


class Positions(Struct, frozen=True):
    """What is known of one partition: both sinks' positions and the ends of its log.

    `origin` is the log's first offset when the group began; a missing cursor means that nothing since then is counted.
    """

    partition: int
    committed: int | None
    origin: int | None
    cursors: Sequence[int | None]  # one a shard
    low: int
    high: int


class Start(Struct, frozen=True):
    """Where to begin reading, and from where each sink lacks records."""

    offset: int
    committed: int
    origin: int
    gap: int = 0  # records that retention deleted before they were processed or counted


class Lost(Struct, frozen=True):
    """Why a partition can't start: going on would lose or repeat logins."""

    message: str
    may_pass: bool = False  # a high watermark may lag after a fail-over: look again before refusing


def start(at: Positions, accept_gap: bool = False) -> Start | Lost:
    """The lower of both sinks' positions; a missing one means the log's first offset (DESIGN, Starts)."""
    cursors = [c for c in at.cursors if c is not None]
    if at.committed is None and cursors:
        return Lost(
            f"partition {at.partition} has counts up to offset {max(cursors)} but no committed offset (expired, or the "
            "group was deleted): starting over would produce every login twice. Set the group's offset by hand, or "
            "`data-processor reset`"
        )
    origin = at.low if at.committed is None or at.origin is None else at.origin
    known = [at.committed if at.committed is not None else at.low, *(origin if c is None else c for c in at.cursors)]
    if max(known) > at.high:
        return Lost(
            f"partition {at.partition} stands at offset {max(known)}, beyond its log's end {at.high}: the log lost "
            "records or was made anew. See `data-processor reset`",
            may_pass=True,
        )
    return _within(at, min(known), origin, accept_gap)


def _within(at: Positions, lowest: int, origin: int, accept_gap: bool) -> Start | Lost:
    gap = max(0, at.low - lowest)
    if gap and not accept_gap:
        return Lost(
            f"partition {at.partition} stands at offset {lowest}, but retention deleted the log below {at.low}: {gap} "
            "records can't be processed or counted any more. Go on without them with worker.accept_gap = true"
        )
    committed = at.low if at.committed is None else at.committed
    return Start(max(lowest, at.low), committed, origin, gap)
