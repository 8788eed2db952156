"""Pools that grow, shrink, or meet another one of their own name (rows 5, 7, 8)."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from random import Random

from msgspec import structs

from tests.chaos.faults import Hit, fault, waits
from tests.chaos.faults.measuring import measured
from tests.chaos.host import Host
from tests.chaos.network import Machine
from tests.chaos.stage import DIRECT, Stage

STORM_SECONDS, TICK_SECONDS = 300.0, 2.0
STORM_SLOTS, STORM_MEMBERS = 8, 3  # who left is away for as long as a session: a static member would not be missed
_numbers = count()  # of machines: an address is used once


@fault("another-pool-of-that-name", row=5, budget=3, weight=0.5)
def another_pool_of_that_name(stage: Stage, _dice: Random) -> Hit:
    """A third VM with the host name and slots of vm-a, as a cloned machine has them: refused, by its own log.

    A lesser system's two pools fence each other for ever, and neither works.
    """
    owner = stage.hosts[DIRECT]
    names = [f"worker-{slot:02d}" for slot in range(min(2, owner.workers))]
    before = [owner.pid(name) for name in names]
    with third_vm(stage, DIRECT, len(names)) as newcomer:
        for name in names:
            waits.until(f"{name} is refused", partial(_refused, newcomer, name))
        waits.progress(stage, time.time())
        assert [owner.pid(name) for name in names] == before, "those whose name it is were disturbed"
    return Hit()


@fault("scaled", row=7, budget=20)
def scaled(stage: Stage, dice: Random) -> Hit:
    """Down to one worker of both VMs, up to all, down to three, up to all, by supervisor's XML-RPC.

    A lesser system restarts all of a group to add one, or leaves the partitions of those that went to nobody.
    """
    workers = stage.workers()
    try:
        for number in (1, len(workers), min(3, len(workers))):
            dice.shuffle(workers)
            _scale(workers, number)
            waits.until(f"{number} workers run", lambda number=number: _running(stage) == number)
            waits.progress(stage, time.time())
    finally:
        _scale(workers, len(workers))
    return Hit()


@fault("rebalance-storm", row=8, budget=20)
def rebalance_storm(stage: Stage, _dice: Random) -> Hit:
    """Workers of a third VM that come and go every two seconds: each one who comes or goes moves partitions.

    A lesser system aborts all its work at each of them, and gets nowhere while it lasts. What is measured is how long
    the whole pool did nothing, at the most.
    """
    with third_vm(stage, "vm-c", STORM_SLOTS) as visitor:
        names = deque(f"worker-{slot:02d}" for slot in range(STORM_SLOTS))
        for name in list(names)[STORM_MEMBERS:]:
            visitor.end(name)
        idlest = 0.0
        for _ in range(max(5, round(STORM_SECONDS * stage.haste / TICK_SECONDS))):
            tick = time.monotonic() + TICK_SECONDS
            visitor.begin(names[STORM_MEMBERS])
            visitor.end(names[0])
            names.rotate(-1)
            idlest = max(idlest, time.time() - max(stage.reader.last_arrival().values()))
            assert idlest < waits.PATIENCE_SECONDS, f"the whole pool did nothing for {idlest:.1f} s"
            time.sleep(max(0.0, tick - time.monotonic()))
        return measured(max(idlest, waits.progress(stage, time.time())))


@contextmanager
def third_vm(stage: Stage, host: str, workers: int) -> Iterator[Host]:
    """Another VM with a pool under this host name; it drains and is taken away afterwards."""
    number = 40 + next(_numbers) % 200
    machine = Machine(f"vm-{number}", number)
    try:
        settings = structs.replace(stage.settings(DIRECT), host=host)
        visitor = Host(machine, stage.hosts[DIRECT].directory.parent / f"vm-{number}", settings, workers)
        visitor.variables |= stage.hosts[DIRECT].variables
        try:
            visitor.start()
            yield visitor
        finally:
            visitor.stop()
    finally:
        machine.destroy()


def _refused(host: Host, name: str) -> bool:
    return "two pools share one host name" in host.log(name)


def _scale(workers: list[tuple[Host, str]], number: int) -> None:
    for host, name in workers[number:]:
        host.end(name)
    for host, name in workers[:number]:
        host.begin(name)


def _running(stage: Stage) -> int:
    return sum(name.startswith("worker") for host in stage.hosts.values() for name in host.pids())
