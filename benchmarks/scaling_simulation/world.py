"""A simulated pool: partitions, workers, hosts with the scaler's own decisions, second by second."""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.scaling_simulation.group import START_SECONDS, Group, Worker
from benchmarks.scaling_simulation.patterns import RATE, Pattern
from processor.scaling.brain import Brain, Decision, Seen
from processor.scaling.load import At, Look
from processor.scaling.need import workers_for
from processor.scaling.pool import Host
from processor.scaling.slots import Slot
from processor.settings import ScalerSettings


@dataclass(frozen=True)
class Moment:
    """What one second was like."""

    at: float
    arrivals: float
    running: int
    target: int
    ideal: int  # what the load needs at this moment, by someone who knows it, if it never rose or fell
    lag_seconds: float  # of the partitions that can be worked on


@dataclass
class Vm:
    """A host: which of its slots run since when, and what its scaler remembers and said last."""

    name: str
    slots: int
    brain: Brain
    since: dict[int, float | None] = field(default_factory=dict)
    ended: dict[int, int] = field(default_factory=dict)
    told: tuple[float, Host] | None = None
    next_look: float = 0.0
    alive: bool = False

    def boot(self, now: float, settings: ScalerSettings) -> None:
        """All slots start, as supervisord starts them."""
        self.brain = Brain(self.name, settings, {})
        self.since = dict.fromkeys(range(self.slots), now)
        self.ended, self.alive, self.next_look = {}, True, now

    def as_supervisord_says(self, now: float, busy: set[Worker]) -> list[Slot]:
        """Its workers' states; supervisord's times are whole seconds."""
        return [
            Slot(
                name=f"worker-{slot:02d}",
                state="STOPPED" if began is None else "RUNNING",
                started=1_000 + int(began or 0),
                stopped=self.ended.get(slot, 0),
                now=1_000 + int(now),
                idle=(self.name, slot) not in busy,
            )
            for slot, began in self.since.items()
        ]


class World:
    """Runs one pattern with one seed."""

    def __init__(self, pattern: Pattern, seed: int, settings: ScalerSettings) -> None:
        self._pattern = pattern
        self._settings = settings
        self._random = random.Random(f"{pattern.name} {seed}")  # noqa: S311 (no secret)
        self._group = Group()
        self._ends: dict[int, float] = defaultdict(float)
        self._committed: dict[int, float] = defaultdict(float)
        self._ages: dict[int, list[tuple[float, float]]] = defaultdict(list)
        self._target = 0
        self._stuck: set[int] = set()  # partitions whose lag is nothing that a scaler could have kept small
        self.decisions: list[tuple[float, str, Decision]] = []
        self._vms = [Vm(name, slots, Brain(name, settings, {})) for name, slots in pattern.hosts.items()]

    def run(self) -> Iterator[Moment]:
        """Every second of it."""
        for second in range(int(self._pattern.seconds)):
            now = float(second)
            self._lose_and_boot(now)
            self._join(now)
            self._arrive(now)
            self._work(now)
            for vm in self._vms:
                if vm.alive and now >= vm.next_look:
                    self._decide(vm, now)
            yield self._moment(now)

    def _lose_and_boot(self, now: float) -> None:
        lost = self._pattern.lost(now)
        for vm in self._vms:
            if vm.alive and vm.name in lost:
                vm.alive = False
                for slot in list(vm.since):
                    self._group.leave((vm.name, slot), now)
                vm.since = {}
            elif not vm.alive and vm.name not in lost:
                vm.boot(now + self._random.random(), self._settings)

    def _join(self, now: float) -> None:
        for vm in self._vms:
            for slot, began in vm.since.items():
                if began is not None and now - began >= START_SECONDS:
                    self._group.join((vm.name, slot))
        self._group.turn(now, self._pattern.partitions(now))

    def _arrive(self, now: float) -> None:
        partitions = self._pattern.partitions(now)
        for partition in range(partitions):
            share = self._pattern.arrivals(now) / partitions
            self._ends[partition] += share * self._random.uniform(0.8, 1.2)
            self._ages[partition].append((self._ends[partition], now))

    def _work(self, now: float) -> None:
        """Each worker divides its second evenly among its partitions that have records."""
        stuck = {*self._pattern.stopped(now), *self._pattern.stalled(now)}
        mine: dict[Worker, list[int]] = defaultdict(list)
        for partition, owner in self._group.owners.items():
            alive = owner is not None and self._group.members.get(owner, 0.0) is None
            if owner is not None and alive and partition not in stuck and self._group.paused.get(partition, 0) <= now:
                mine[owner].append(partition)
        for partitions in mine.values():
            left = RATE * self._random.uniform(0.9, 1.1)
            for number, partition in enumerate(sorted(partitions, key=self._behind)):
                done = min(self._behind(partition), left / (len(partitions) - number))
                self._committed[partition] += done
                left -= done

    def _behind(self, partition: int) -> float:
        return self._ends[partition] - self._committed[partition]

    def _decide(self, vm: Vm, now: float) -> None:
        vm.next_look = now + self._settings.interval_seconds
        partitions = range(self._pattern.partitions(now))
        owners = {p: self._group.owners.get(p) for p in partitions}
        look = Look(
            now,
            {p: At(int(self._committed[p]), int(self._ends[p]), str(owners[p]) if owners[p] else None) for p in owners},
            frozenset(self._pattern.stopped(now)),
        )
        others = [
            other.told[1]
            for other in self._vms
            if other is not vm and other.told and now - other.told[0] <= self._settings.host_seconds
        ]
        busy = {owner for owner in owners.values() if owner is not None}
        slots = vm.as_supervisord_says(now, busy)
        decision = vm.brain.decide(Seen(look, [host for host, _ in self._group.members], others, slots))
        self.decisions.append((now, vm.name, decision))
        vm.told, self._target = (now, decision.told), decision.target
        for name in decision.change.start:
            vm.since[int(name[-2:])] = now
        for name in decision.change.stop:
            slot = int(name[-2:])
            vm.since[slot], vm.ended[slot] = None, 1_000 + int(now)
            self._group.leave((vm.name, slot), now)

    def _moment(self, now: float) -> Moment:
        arrivals, partitions = self._pattern.arrivals(now), self._pattern.partitions(now)
        self._stuck |= {*self._pattern.stopped(now), *self._pattern.stalled(now)}
        running = sum(began is not None for vm in self._vms for began in vm.since.values())
        least = sum(vm.alive for vm in self._vms) * self._settings.min_workers
        needed = workers_for([arrivals / partitions] * partitions, RATE, 1.0)
        lag = max(self._age(p, now) for p in range(partitions) if p not in self._stuck)
        return Moment(now, arrivals, running, self._target, max(least, needed), lag)

    def _age(self, partition: int, now: float) -> float:
        """How long the oldest record has waited."""
        ages = self._ages[partition]
        while ages and ages[0][0] <= self._committed[partition] + 1:
            ages.pop(0)
        return now - ages[0][1] + 1 if ages else 0.0
