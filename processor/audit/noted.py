"""Notes every position in the order that makes the audit exact."""

from time import monotonic, sleep

from processor.audit.begin import Noted
from processor.audit.checkpoints import Shards
from processor.audit.live import Live
from processor.kafka import offsets
from processor.kafka.beginnings import beginnings
from processor.kafka.offsets import Committed, bounds
from processor.patience import persist

_LAGGING_SECONDS = 10.0  # a high watermark may lag behind for so long after a fail-over


def note(live: Live, checkpoint: Shards) -> Noted:
    """Note the positions; the checkpoint was noted before.

    Whatever a position lets one expect elsewhere was there before it: cursors first, then the group's offsets, which
    are never behind them; then the outputs' ends, below which lies all that those offsets stand for; then the input's.
    """
    topics, cluster = live.topics, live.cluster
    cursors = persist(live.store.cursors)
    committed = persist(lambda: offsets.committed(cluster, live.settings.group, topics.input))
    processed = persist(lambda: bounds(cluster, topics.processed))
    letters = persist(lambda: bounds(cluster, topics.dead_letters))
    return Noted(
        checkpoint=checkpoint,
        cursors=cursors,
        committed={p: at.offset for p, at in committed.items()},
        origins={p: int(at.metadata) if at.metadata.isdecimal() else None for p, at in committed.items()},
        processed=processed,
        dead_letters=letters,
        input=_input(live, committed),
        beginnings=persist(lambda: beginnings(live.settings, cluster)),
    )


def _input(live: Live, committed: dict[int, Committed]) -> dict[int, tuple[int, int]]:
    """The input's bounds, once its ends are not behind what was committed."""
    deadline = monotonic() + _LAGGING_SECONDS
    while True:
        found = persist(lambda: bounds(live.cluster, live.topics.input))
        if all(at.offset <= found.get(p, (0, 0))[1] for p, at in committed.items()) or monotonic() > deadline:
            return found
        sleep(0.2)
