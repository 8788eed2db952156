"""What is missing at the beginning of the dead letters because somebody purged it, as the purges' markers say."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from processor.audit.live import Live
from processor.kafka.markers import FromPartition, Purge, Purged, marker, marks
from processor.kafka.reader import read

Bounds = Mapping[int, tuple[int, int]]
Offsets = Mapping[int, int]


class Missing(Struct, frozen=True):
    """Up to where purges explain that a partition's letters are gone, and which ones that were."""

    reaches: dict[int, int]  # partition of the dead letters → offset; its start where nothing was purged
    origins: dict[int, FromPartition]  # partition of the input → letters of it


def read_purged(live: Live, bounds: Bounds, starts: Offsets) -> Missing:
    """Read the markers of those partitions that do not begin where they would have to."""
    cut = {p: at for p, at in bounds.items() if at[0] > starts.get(p, 0)}
    found: dict[int, list[Purge]] = {}
    if cut:
        lows, highs = ({p: each[end] for p, each in cut.items()} for end in (0, 1))
        for messages in read(live.settings, live.topics.dead_letters, lows, highs):
            for message in filter(marks, messages):
                made = marker(message.value())
                if isinstance(made, Purged):
                    found[message.partition() or 0] = made.purges
    return missing(found, bounds, starts)


def missing(purges: Mapping[int, list[Purge]], bounds: Bounds, starts: Offsets) -> Missing:
    """Put the purges together that were carried out behind the starts.

    One that reaches from before a start to behind it counts as a whole: more may then have been purged than is missing.
    """
    done = {
        p: [one for one in each if starts.get(p, 0) < one.before <= bounds.get(p, (0, 0))[0]]
        for p, each in purges.items()
    }
    return Missing(
        reaches={p: _reach(starts.get(p, 0), done.get(p, ())) for p in bounds},
        origins=_together(one for each in done.values() for one in each),
    )


def _reach(start: int, purges: Iterable[Purge]) -> int:
    """How far one comes from purge to purge; where retention deleted something in between, no further."""
    for one in sorted(purges, key=lambda purge: purge.before):
        if one.start <= start:
            start = one.before
    return start


def _together(purges: Iterable[Purge]) -> dict[int, FromPartition]:
    sums: dict[int, FromPartition] = {}
    for purge in purges:
        for partition, more in purge.origins.items():
            known = sums.get(partition, FromPartition(0, -1))
            sums[partition] = FromPartition(known.letters + more.letters, max(known.last, more.last))
    return sums
