"""Workers that are killed, frozen or restarted (rows 1, 2, 3, 6)."""

import signal
import time
from random import Random

from tests.chaos.faults import Hit, fault, waits
from tests.chaos.faults.measuring import measured
from tests.chaos.host import send
from tests.chaos.stage import Stage

KILLED = -1  # by its supervisor, which waited for it in vain


@fault("worker-killed", row=1, budget=3, weight=10, together=True)
def worker_killed(stage: Stage, dice: Random) -> Hit:
    """Kill -9 one worker at any moment.

    A lesser system repeats what it had produced, or leaves its partitions idle for a whole session.
    """
    with stage.worker(dice) as (host, name):
        pid = host.pid(name)
        send(pid, signal.SIGKILL)
        since = time.time()
        waits.gone(pid)
    return Hit(since)


@fault("all-workers-killed", row=2, budget=10, weight=2)
def all_workers_killed(stage: Stage, dice: Random) -> Hit:
    """Kill -9 all workers on both VMs at once.

    A lesser system gives up on processes that die too often, or has them wait for their own dead memberships.
    """
    pids = [host.pid(name) for host, name in stage.workers()]
    dice.shuffle(pids)
    for pid in pids:
        send(pid, signal.SIGKILL)
    since = time.time()
    for pid in pids:
        waits.gone(pid)
    return Hit(since)


@fault("worker-frozen", row=3, budget=5)
def worker_frozen(stage: Stage, dice: Random) -> Hit:
    """SIGSTOP one worker until others have its partitions, and a while longer; then SIGCONT.

    A lesser system's zombie goes on where it was: it writes and counts a second time.
    """
    host, name = dice.choice(stage.workers())
    pid = host.pid(name)
    send(pid, signal.SIGSTOP)
    try:
        waits.stopped(pid)
        waits.progress(stage, time.time())
        stage.hold(10)
        assert waits.state(pid) == "T", f"{name} was to be frozen all the while"
    finally:
        send(pid, signal.SIGCONT)
    return Hit()


@fault("workers-restarted", row=6, budget=5)
def workers_restarted(stage: Stage, dice: Random) -> Hit:
    """Restart one worker after the other, each as soon as all partitions go on: what an upgrade does.

    A lesser system rebalances at each of them, or loses what was not counted yet. The slowest one is what is measured.
    """
    workers = stage.workers()
    dice.shuffle(workers)
    slowest = 0.0
    for host, name in workers:
        before = host.pid(name)
        try:
            code = host.end(name)
            since = time.time()
        finally:
            host.begin(name)
        assert host.pid(name) != before, f"{name} was to be a new process"
        drained = (0,) if stage.haste >= 1 else (0, KILLED)  # hasty runs are on machines too busy to be asked for it
        assert code in drained, f"{name} was told to stop, and ended with {code}"
        slowest = max(slowest, waits.progress(stage, since))
    return measured(slowest)
