"""One host's decision, from all that it sees: the whole scaler but its I/O, for the process and the simulation."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from processor.scaling.load import History, Look
from processor.scaling.need import need
from processor.scaling.pool import CoolDown, Host, shares, target
from processor.scaling.slots import Change, Parked, Slot, Use, change, remember, use
from processor.settings import ScalerSettings


class Seen(Struct, frozen=True):
    """What one host sees at one moment."""

    look: Look
    members: Sequence[str]  # the host of each worker in the group
    others: Sequence[Host]  # the other hosts that are there
    slots: Sequence[Slot]  # this host's workers


class Decision(Struct, frozen=True):
    """What this host is to do, what it tells the others, and why in one line."""

    change: Change
    parked: Parked
    told: Host
    running: int  # workers of the pool
    target: int
    share: int  # of the target, this host's
    rate: float | None  # what a worker does in a second, where that is known
    line: str


class Brain:
    """Remembers what it has seen, and decides."""

    def __init__(self, host: str, settings: ScalerSettings, parked: Mapping[str, int]) -> None:
        self._host = host
        self._settings = settings
        self._parked = dict(parked)
        self._history = History()
        self._cool_down = CoolDown(settings.cool_down_seconds)
        self._target: int | None = None

    def recall(self, parked: Mapping[str, int]) -> None:
        """Forget which workers it stopped for these, which another process of this host has stopped."""
        self._parked = dict(parked)

    def decide(self, seen: Seen) -> Decision:
        """Say what to do now; whoever carries it out hands in the next moment's view after that."""
        self._parked = remember(self._parked, seen.slots)
        uses = [use(slot, self._parked) for slot in seen.slots]
        works, usable = uses.count(Use.WORKS), len(uses) - uses.count(Use.HELD)
        known = [self._host, *(host.name for host in seen.others)]
        elsewhere = sum(member not in known for member in seen.members)  # their scaler is stopped, or they end just now
        running = works + elsewhere + sum(host.running for host in seen.others)
        load = self._history.add(seen.look)
        if self._target is None:  # the other hosts have known the pool for longer
            self._target = max((host.wanted for host in seen.others), default=running)
        before = self._target  # what runs may be on its way there
        needed = self._cool_down.target(seen.look.at, before, need(load, before, self._settings))
        if load.still:
            self._cool_down.forget(seen.look.at)
        told = Host(self._host, usable, min(self._settings.min_workers or usable, usable), needed.workers, works)
        hosts = [told, *seen.others]
        wanted = self._target = target(needed.workers, hosts, len(seen.look.partitions))
        at_least = min(wanted, sum(host.least for host in hosts))  # whoever else still seems to run
        share = shares(hosts, max(wanted - elsewhere, at_least))[self._host]
        present = works + sum(host != self._host for host in seen.members)
        todo = change(seen.slots, self._parked, share, present - wanted)
        self._parked |= dict.fromkeys(todo.stop, 0)
        line = _line(told, (running, wanted), share, needed.why, (todo, uses.count(Use.HELD)))
        return Decision(todo, dict(self._parked), told, running, wanted, share, load.rate, line)


def _line(told: Host, pool: tuple[int, int], share: int, why: str, slots: tuple[Change, int]) -> str:
    running, wanted = pool
    todo, held = slots
    what = f"{running} -> {wanted} workers" if running != wanted else f"{wanted} workers"
    here = f"{told.running} -> {share}" if told.running != share else f"{share}"
    more = [f"{held} more stopped by hand"] if held else []
    more += ["all of them always: scaler.min_workers says so"] if told.fixed else []
    more += [f"starting {', '.join(todo.start)}"] if todo.start else []
    more += [f"stopping {', '.join(todo.stop)}"] if todo.stop else []
    return f"{what} ({'; '.join([f'this host {here} of {told.slots}', *more])}): {why}"
