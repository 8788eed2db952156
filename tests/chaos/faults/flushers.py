"""Flushers that are killed, or deposed while they stand still and then wake up (row 27)."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from subprocess import Popen

from processor.faults import VARIABLE
from tests.chaos.faults import Hit, fault, waits
from tests.chaos.host import Host, send
from tests.chaos.live import Live
from tests.chaos.stage import Stage
from tests.chaos.subject import Subject

ZOMBIES = ("flusher.after-take", "flusher.during-walk", "flusher.before-commit", "flusher.after-offsets")


@fault("flusher-killed", row=27, budget=3)
def flusher_killed(stage: Stage, _dice: Random) -> Hit:
    """Kill -9 the flusher that leads.

    A lesser system publishes nothing for good, or publishes a count that is lower than one before.
    """
    _, pid = leader(stage)
    send(pid, signal.SIGKILL)
    waits.gone(pid)
    publishes(stage)
    return Hit()


@fault("flusher-frozen", row=27, budget=3)
def flusher_frozen(stage: Stage, _dice: Random) -> Hit:
    """SIGSTOP the flusher that leads until the other one has taken over and published; then SIGCONT.

    A lesser system has two leaders then: the old one publishes older counts after newer ones.
    """
    host, pid = leader(stage)
    send(pid, signal.SIGSTOP)
    try:
        waits.stopped(pid)
        _other_leads(stage, host)
        stage.hold(5)
    finally:
        said = len(host.log("flusher"))
        send(pid, signal.SIGCONT)
    _deposed(stage, host, pid, said)
    return Hit()


@fault("flusher-frozen-at-work", row=27, budget=3, weight=2)
def flusher_frozen_at_work(stage: Stage, dice: Random) -> Hit:
    """Stop the flusher that leads between two steps: it wakes up deposed, with a snapshot or an open transaction.

    A lesser system's zombie commits older counts over its successor's, or drops the successor's snapshot.
    """
    with only_flusher(stage, dice, f"{dice.choice(ZOMBIES)}:{dice.randint(2, 4)}:STOP") as (host, process):
        waits.stopped(process.pid)
        _another(stage, host).begin("flusher")
        _other_leads(stage, host)
        said = len(host.log("flusher"))
        send(process.pid, signal.SIGCONT)
        _deposed(stage, host, process.pid, said)
    return Hit()


@contextmanager
def only_flusher(stage: Stage, dice: Random, crash_at: str) -> Iterator[tuple[Host, "Popen[bytes]"]]:
    """An understudy leads, since no other flusher runs, and dies or stops at a point; both are back afterwards."""
    host = dice.choice(list(stage.hosts.values()))
    other = _another(stage, host)
    other.end("flusher")
    try:
        with host.understudy("flusher", {VARIABLE: crash_at}) as process:
            yield host, process
    finally:
        other.begin("flusher")


def leader(stage: Stage) -> tuple[Host, int]:
    """Whose flusher leads, and its pid; waits until one does."""
    owner = waits.until("a flusher leads", lambda: _owner(stage))
    host, _, pid, _ = owner.split("/")
    return stage.hosts[host], int(pid)


def publishes(stage: Stage) -> None:
    """Wait until something new is published."""
    before = _published(stage)
    waits.until("the flusher publishes", lambda: _published(stage) > before)


def _owner(stage: Stage) -> str:
    with stage.redis.primary.client() as client:
        return str(client.get(f"{{{stage.direct.redis.prefix}}}:leader") or "")


def _published(stage: Stage) -> int:
    return sum(sum(offsets.values()) for offsets in Live(Subject.of(stage.direct)).checkpoints())


def _another(stage: Stage, host: Host) -> Host:
    return next(each for each in stage.hosts.values() if each is not host)


def _other_leads(stage: Stage, host: Host) -> None:
    other = f"{_another(stage, host).settings.host}/"
    waits.until("the other flusher takes over", lambda: _owner(stage).startswith(other))
    publishes(stage)


def _deposed(stage: Stage, host: Host, pid: int, said: int) -> None:
    """Wait until one that woke up knows that it leads no more; the other one still does, and publishes."""
    knows = ("leading no more", "standing by", "another process has the transactional.id")
    waits.until(
        "the zombie learns that it is deposed",
        lambda: not waits.state(pid) or any(each in host.log("flusher")[said:] for each in knows),
    )
    assert leader(stage)[0] is not host, "the one that woke up leads again"
    publishes(stage)
