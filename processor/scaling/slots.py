"""Which of this host's workers to start or stop; what a person stopped is a person's."""

from collections.abc import Collection, Mapping, Sequence
from enum import Enum

from msgspec import Struct

_ALIVE = {"STARTING", "RUNNING", "BACKOFF"}
_MOMENT_SECONDS = 15.0  # a worker that is stopped for no longer is being restarted


class Slot(Struct, frozen=True):
    """One worker as supervisord has it; times in seconds of supervisord's clock, 0 for never."""

    name: str
    state: str
    started: int
    stopped: int
    now: int
    idle: bool = False  # in the group, with no partition


class Use(Enum):
    """What a slot is to the scaler."""

    WORKS = "works"  # or is about to
    RESTS = "rests"  # the scaler stopped it, or it was never started
    HELD = "held"  # a person stopped it
    FAILED = "failed"  # supervisord gave it up


Parked = dict[str, int]  # slot → when it was stopped by the scaler; 0: it was just told to


class Change(Struct, frozen=True):
    """What to do now."""

    start: Sequence[str] = ()
    stop: Sequence[str] = ()


def remember(parked: Mapping[str, int], slots: Collection[Slot]) -> Parked:
    """Which stops are still the scaler's own: a worker that was started since is nobody's any more."""
    known = {slot.name: slot for slot in slots}
    kept: Parked = {}
    for name, when in parked.items():
        slot = known.get(name)
        if slot is None:
            continue
        if slot.state == "STOPPING" and not when:
            kept[name] = 0
        elif slot.state == "STOPPED" and when in {0, slot.stopped}:
            kept[name] = slot.stopped
    return kept


def use(slot: Slot, parked: Mapping[str, int]) -> Use:
    """Tell what a slot is; `parked` as `remember` returned it."""
    if slot.name in parked:
        return Use.RESTS
    if slot.state == "FATAL":
        return Use.FAILED
    if slot.state != "STOPPED":
        return Use.WORKS
    if slot.started == 0:
        return Use.RESTS
    return Use.WORKS if slot.now - slot.stopped < _MOMENT_SECONDS else Use.HELD


def change(slots: Sequence[Slot], parked: Mapping[str, int], share: int, may_stop: int) -> Change:
    """What brings this host to its share; at most `may_stop` are stopped: so many run in the pool beyond its target."""
    works = [slot for slot in slots if use(slot, parked) is Use.WORKS]
    rests = [slot.name for slot in slots if use(slot, parked) is Use.RESTS and slot.state == "STOPPED"]
    alive = [slot for slot in works if slot.state in _ALIVE]  # the others are on their way, by a person's hand
    excess = min(len(alive) - share, may_stop)
    if excess > 0:
        last = sorted(alive, key=lambda slot: (slot.idle, slot.name), reverse=True)
        return Change(stop=[slot.name for slot in last[:excess]])
    return Change(start=sorted(rests)[: max(0, share - len(works))])
