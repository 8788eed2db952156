"""VMs that vanish, restart, lose their supervisord or their disk, or whose clock jumps (rows 6, 15, 24, 25, 29)."""

import fcntl
import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

from tests.chaos.faults import Hit, fault, waits
from tests.chaos.faults.measuring import measured
from tests.chaos.host import Host, send
from tests.chaos.leaks import strays
from tests.chaos.stage import PROXIED, Stage

FAKETIME = "libfaketime.so.1"  # Debian's package is called faketime
CAUGHT = "a call did not return in time"  # what a process's watch says
SLEEP = Path(__file__).parent / "clock"  # what Python lacks under it


@fault("host-vanished", row=15, budget=15)
def host_vanished(stage: Stage, dice: Random) -> Hit:
    """A VM is gone with all its processes, and its connections are never closed; later it is back.

    A lesser system waits for its open transactions, or for its memberships, for a minute.
    """
    host = _any_host(stage, dice)
    host.machine.cut()
    since = time.time()
    try:
        host.crash()
        seconds = waits.progress(stage, since)
    finally:
        host.machine.heal()
        host.start()
    waits.progress(stage, time.time())
    return measured(seconds)


@fault("host-restarted", row=6, budget=12)
def host_restarted(stage: Stage, dice: Random) -> Hit:
    """Shut down and start the whole pool of one VM after the other, as an upgrade of its machine does.

    A lesser system is killed before it has drained, or does not find its place again. The slower one is measured.
    """
    hosts = list(stage.hosts.values())
    dice.shuffle(hosts)
    slowest = 0.0
    for host in hosts:
        try:
            host.stop()
            since = time.time()
        finally:
            host.start()
        slowest = max(slowest, waits.progress(stage, since))
    return measured(slowest)


@fault("supervisord-killed", row=25, budget=8)
def supervisord_killed(stage: Stage, dice: Random) -> Hit:
    """Kill -9 supervisord alone, and start it again.

    A lesser system's orphans work on beside their successors, who are fenced by them or can't bind their ports.
    """
    host = _any_host(stage, dice)
    pids = [host.pid(name) for name in (*_workers(host), "flusher")]
    host.kill_supervisor()
    since = time.time()
    try:
        for pid in pids:
            waits.gone(pid)
    finally:
        host.start()
    assert strays(host) == [], "something of the old supervisord's is left"
    return Hit(since)


@fault("clock-jumps", row=24, budget=8, weight=0.5)
def clock_jumps(stage: Stage, dice: Random) -> Hit:
    """The clock of a VM is an hour ahead at once, then an hour behind, then right: everything on it sees that.

    A lesser system's timeouts, leases and restart delays run out at once, or not for an hour. librdkafka waits for
    moments of that clock: a call that a jump back catches may take hours, and its process is ended by its own watch.
    """
    host = _any_host(stage, dice)
    with _clock(host) as clock:
        waits.arrivals(stage)  # who starts may still end: a name's owner is waited for
        for jump in ("+3590", "-3590", "+0"):  # an hour ahead is the most that brokers take
            before, said = host.pids(), {name: len(host.log(name)) for name in host.pids()}
            clock.write_text(jump)
            waits.arrivals(stage)
            stage.hold(10)
            waits.arrivals(stage)
            ended = [name for name, pid in before.items() if host.pids().get(name) != pid]
            rightly = all(CAUGHT in host.log(name)[said[name] :] for name in ended)
            assert rightly, f"of {ended} one ended without reason when the clock jumped to {jump} s"
    return Hit()


@fault("disk-full", row=29, budget=20, weight=0.5)
def disk_full(stage: Stage, dice: Random) -> Hit:
    """No process of a VM can write another byte to a file; one of its workers is killed meanwhile, and must come back.

    A lesser system dies of a log line. A new start costs ten seconds: nobody can remember how often it died before.
    """
    host = _any_host(stage, dice)
    with _no_space(host):
        sizes = _sizes(host)
        name = dice.choice(_workers(host))
        pid = host.pid(name)
        send(pid, signal.SIGKILL)
        since = time.time()
        waits.gone(pid)
        seconds = waits.progress(stage, since)
        assert host.pid(name) != pid, f"{name} was to be started again"
        assert _sizes(host) == sizes, "something was written"
    return measured(seconds)


@fault("logs-unread", row=29, budget=3)
def logs_unread(stage: Stage, _dice: Random) -> Hit:
    """Supervisord stands still, every process's log pipe is full, and there is something to log.

    A lesser system blocks at its next log line, and its partitions with it.
    """
    host = stage.hosts[PROXIED]
    supervisor = _supervisor(host)
    pids = [host.pid(name) for name in _workers(host)]
    send(supervisor, signal.SIGSTOP)
    try:
        waits.stopped(supervisor)
        for pid in pids:
            _fill(pid)
        stage.redis_proxies[PROXIED].reset_connections()
        stage.hold(20)
        waits.progress(stage, time.time())
    finally:
        send(supervisor, signal.SIGCONT)
    assert [host.pid(name) for name in _workers(host)] == pids, "a worker ended"
    return Hit()


def _any_host(stage: Stage, dice: Random) -> Host:
    return dice.choice(list(stage.hosts.values()))


def _workers(host: Host) -> list[str]:
    return [f"worker-{slot:02d}" for slot in range(host.workers)]


def _supervisor(host: Host) -> int:
    return int((host.directory / ".local/run/supervisord.pid").read_text())


@contextmanager
def _clock(host: Host) -> Iterator[Path]:
    """Start a VM's pool under a clock that follows a file; without it again afterwards."""
    library = next(Path("/usr/lib").glob(f"*/faketime/{FAKETIME}"), None)
    assert library, f"{FAKETIME} is missing: apt install faketime"
    clock = host.directory / "clock"
    clock.write_text("+0")
    sound = host.variables
    fake = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": str(SLEEP),
    }
    host.stop()
    try:
        host.variables = {**sound, **fake}
        host.start()
        yield clock
    finally:
        host.stop()
        host.variables = sound
        host.start()


@contextmanager
def _no_space(host: Host) -> Iterator[None]:
    """Files can't grow for a VM's processes, nor for those that its supervisord starts.

    It is started anew for that, its own output to nowhere, as a daemon's: one whose output is a file there ends
    with a traceback that it can't write.
    """
    output, kept = host.directory / "supervisord.out", host.directory / "supervisord.kept"
    host.stop()
    output.rename(kept)
    output.symlink_to(os.devnull)
    try:
        host.start()
        _limit(host, full=True)
        yield
    finally:
        _limit(host, full=False)
        kept.replace(output)


def _limit(host: Host, full: bool) -> None:
    for pid in (_supervisor(host), *host.pids().values()):
        with suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0 if full else hard, hard))


def _sizes(host: Host) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in (host.directory / ".local/log").iterdir()}


def _fill(pid: int) -> None:
    """Fill the pipe that a process logs to, so that not one byte more fits in."""
    pipe = os.open(f"/proc/{pid}/fd/2", os.O_WRONLY | os.O_NONBLOCK)
    try:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4096)
        for size in (1024, 1):
            with suppress(BlockingIOError):
                while True:
                    os.write(pipe, b"\n" * size)
    finally:
        os.close(pipe)
