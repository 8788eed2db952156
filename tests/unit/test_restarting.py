"""A rolling restart, with a supervisor and a pool that are made up: it never goes on while a worker has not."""

from collections.abc import Callable, Mapping

import pytest
from msgspec import structs

from processor.errors import Stalled
from processor.kafka.joined import Joined
from processor.kafka.standing import Pool, Standing
from processor.restarting import Restarting
from processor.supervision.supervisor import Process, State


class World:
    """A host with two workers and a flusher, whose time passes when it is slept; a renewed process is back at once."""

    def __init__(self) -> None:
        self.time = 0.0
        self.processes_now = [self._process("worker-00"), self._process("worker-01"), self._process("flusher")]
        self.renewed: list[str] = []
        self.ids = {0: "a", 1: "b"}
        self.committed = {0: 0, 1: 0}
        self.moves: Callable[[int], bool] = lambda _partition: True
        self.joins: Callable[[int], bool] = lambda _slot: True
        self.empty: set[int] = set()

    def _process(self, name: str, state: State = "RUNNING") -> Process:
        return Process(name, name.partition("-")[0], state, 100, 0, 0, 1_000)

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        for partition in self.committed:
            self.committed[partition] += self.moves(partition)

    def processes(self) -> list[Process]:
        return [structs.replace(process, now=1_000 + int(self.time)) for process in self.processes_now]

    def renew(self, process: Process) -> None:
        self.renewed.append(process.name)
        at = [each.name for each in self.processes_now].index(process.name)
        new = structs.replace(process, pid=process.pid + 1, started=1_000 + int(self.time))
        self.processes_now[at] = new
        if process.slot is not None and self.joins(process.slot):
            self.ids[process.slot] += "'"

    def look(self) -> Pool:
        members = [Joined(self.ids[slot], "vm", slot, [slot]) for slot in (0, 1)]
        return Pool([Standing(p, at, 10_000, members[p]) for p, at in self.committed.items()], members)

    def waiting(self, places: Mapping[int, int]) -> set[int]:
        return places.keys() - self.empty


def restarted(world: World) -> list[str]:
    said: list[str] = []
    restarting = Restarting(world, "vm", 30.0, said.append)
    restarting._clock = world
    restarting.rolling(world)
    return [line.partition(":")[0] for line in said]


def test_workers_come_one_by_one_and_the_rest_after_them() -> None:
    world = World()

    assert restarted(world) == ["worker-00", "worker-01", "flusher"] == world.renewed


def test_what_is_stopped_stays_stopped() -> None:
    world = World()
    world.processes_now[0] = structs.replace(world.processes_now[0], state="STOPPED")

    assert restarted(world) == ["worker-01", "flusher"]


def test_a_partition_that_stands_still_ends_it_before_the_next_worker() -> None:
    world = World()
    world.moves = lambda partition: partition != 0

    with pytest.raises(Stalled, match="worker-00 makes no progress"):
        restarted(world)

    assert world.renewed == ["worker-00"]


def test_a_partition_without_a_login_to_take_holds_nobody_up() -> None:
    world = World()
    world.moves = lambda _partition: False
    world.empty = {0, 1}

    assert restarted(world) == ["worker-00", "worker-01", "flusher"]


def test_the_membership_of_the_former_process_is_no_return() -> None:
    world = World()
    world.joins = lambda slot: slot != 1

    with pytest.raises(Stalled, match="worker-01 makes no progress"):
        restarted(world)

    assert world.renewed == ["worker-00", "worker-01"]
