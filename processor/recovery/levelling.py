"""Brings all shards to the same cursors, by counting what some of them lack: they differ after a worker was killed."""

from collections.abc import Callable, Mapping, Sequence

from processor.audit.live import Live
from processor.counts.store import Conflict, Move
from processor.errors import Refused
from processor.kafka.offsets import bounds
from processor.logins.pile import Change, Pile

Offsets = Mapping[int, int]


class Levelling:
    """Counts as the workers do, with the same compare and set, while none of them is there."""

    def __init__(self, live: Live, confirm: Callable[[], None]) -> None:
        self._live = live
        self._confirm = confirm

    def run(self, cursors: Sequence[Offsets], top: Offsets, origins: Offsets) -> None:
        """Bring every shard from its cursors to `top`; one that a partition has none for counts from its origin on.

        Raises Refused when the log does not reach back so far, and when somebody else counts.
        """
        if all(each == top for each in cursors):
            return
        log = bounds(self._live.cluster, self._live.topics.input)
        starts = {p: min(each.get(p, origins.get(p, log[p][0])) for each in cursors) for p in top}
        for partition, start in starts.items():
            if start < min(log[partition][0], top[partition]):
                raise Refused(
                    f"a shard stands at offset {start} of partition {partition}, others beyond, and retention deleted "
                    f"the log below {log[partition][0]}: what it lacks can't be counted any more"
                )
        pile = Pile([{p: each.get(p) for p in top} for each in cursors])
        for batch in self._live.judged(starts, top):
            pile.add(batch)
            if pile.users >= self._live.settings.worker.pile_users:
                self._apply(pile.take(), {})
            self._confirm()
        self._apply(pile.take(), top)

    def _apply(self, changes: Sequence[Change], top: Offsets) -> None:
        """Transaction markers may be the last things below `top`: when all is read, the cursors stand there."""
        for change in changes:
            moves = [Move(p, start, top.get(p, change.ends[p])) for p, start in change.starts.items()]
            if isinstance(self._live.store.apply(change.shard, moves, change.users), Conflict):
                raise Refused("somebody else counts: a worker is alive. Stop the pool on all hosts, then run it again")
