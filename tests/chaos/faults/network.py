"""Cables that are pulled, or carry one direction only (row 15)."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from tests.chaos.access import PORT
from tests.chaos.faults import Hit, fault, waits
from tests.chaos.faults.brokers import whole
from tests.chaos.faults.measuring import measured
from tests.chaos.network import Machine
from tests.chaos.stage import Stage

SECONDS = 60.0
Break = Callable[[Machine], None]


@fault("vm-cut", row=15, budget=30, weight=0.5)
def vm_cut(stage: Stage, dice: Random) -> Hit:
    """Cut one VM off from everything for 60 s: the other one takes over its partitions, and shares them again after.

    What the lost VM had read goes on working in it: a lesser one commits or counts it when the cable is back.
    """
    return _vm(stage, dice, Machine.cut)


@fault("vm-deaf", row=15, budget=30, weight=0.5)
def vm_deaf(stage: Stage, dice: Random) -> Hit:
    """One VM hears nothing for 60 s, but what it says still arrives.

    Its requests are carried out and never answered: a lesser one sends them again, and counts or writes twice.
    """
    return _vm(stage, dice, Machine.deafen)


@fault("vm-mute", row=15, budget=30, weight=0.5)
def vm_mute(stage: Stage, dice: Random) -> Hit:
    """Nothing that one VM says arrives for 60 s, but it hears.

    Its connections look alive from within: a lesser one waits on them as long as TCP does.
    """
    return _vm(stage, dice, Machine.mute)


@fault("broker-cut", row=15, budget=60, weight=0.5)
def broker_cut(stage: Stage, dice: Random) -> Hit:
    """Cut one broker off from everybody for 60 s: no connection to it is closed, no request to it is answered.

    A lesser client keeps waiting for the leader or the coordinator that it was.
    """
    return _broker(stage, dice, Machine.cut)


@fault("broker-deaf", row=15, budget=60, weight=0.5)
def broker_deaf(stage: Stage, dice: Random) -> Hit:
    """One broker hears nothing for 60 s, but what it says still arrives."""
    return _broker(stage, dice, Machine.deafen)


@fault("broker-mute", row=15, budget=60, weight=0.5)
def broker_mute(stage: Stage, dice: Random) -> Hit:
    """Nothing that one broker says arrives for 60 s, but it hears: writes reach its log and are never acknowledged."""
    return _broker(stage, dice, Machine.mute)


def _vm(stage: Stage, dice: Random, how: Break) -> Hit:
    whole(stage)
    host = stage.hosts[dice.choice(sorted(stage.hosts))]
    with _broken(host.machine, how):
        since = time.time()
        assert not _reaches(host.machine, stage.cluster.machines[0].address)
        stage.hold(SECONDS)
        if stage.haste >= 1:  # longer than a session and a transaction that was left open
            waits.progress(stage, since)
    return Hit()


def _broker(stage: Stage, dice: Random, how: Break) -> Hit:
    """Progress is due with the other two brokers, while the cable is broken."""
    whole(stage)
    at = dice.randrange(3)
    with _broken(stage.cluster.machines[at], how):
        since = time.time()
        assert not _reaches(stage.cluster.machines[at], stage.cluster.machines[at - 1].address)
        seconds = waits.progress(stage, since)
        stage.hold(max(0.0, SECONDS - seconds))
    return measured(seconds)


@contextmanager
def _broken(machine: Machine, how: Break) -> Iterator[None]:
    how(machine)
    try:
        yield
    finally:
        machine.heal()


def _reaches(machine: Machine, address: str) -> bool:
    """Whether a connection from that machine to a broker can be opened: it takes packets in both directions."""
    command = [*machine.within, "timeout", "1", "bash", "-c", f": < /dev/tcp/{address}/{PORT}"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
