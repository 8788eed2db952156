"""Redis that dies, forgets, goes back, stalls, is full, or is two (rows 16 to 20)."""

import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from redis import RedisError

from tests.chaos.faults import Hit, fault, waits
from tests.chaos.faults.measuring import counted, measured
from tests.chaos.live import Live
from tests.chaos.redises import PORT
from tests.chaos.stage import DIRECT, PROXIED, Stage
from tests.chaos.subject import Subject


@fault("redis-killed", row=16, budget=30)
def redis_killed(stage: Stage, _dice: Random) -> Hit:
    """Kill -9 the primary and start it again from its append-only log.

    An apply that was not answered was applied, or not: a lesser one is repeated, or forgotten.
    """
    stage.redis.primary.kill9()
    assert stage.redis.primary.daemon.pid is None
    stage.hold(2)
    stage.redis.primary.start()
    return _counting_since(stage, time.time())


@fault("redis-rolled-back", row=16, budget=60)
def redis_rolled_back(stage: Stage, _dice: Random) -> Hit:
    """Start the primary from a copy that is 5 s old, as after a lost fsync or a restored backup.

    A lesser counter never gets back what was counted in between.
    """
    with tempfile.TemporaryDirectory(prefix="chaos-redis-") as folder:
        saved = stage.redis.primary.save(Path(folder))
        then = _positions(stage)
        stage.hold(5)
        _wait_until_passed(stage, then)
        stage.redis.primary.restore(saved)
    return _counting_since(stage, time.time())


@fault("redis-flushed", row=17, budget=60)
def redis_flushed(stage: Stage, _dice: Random) -> Hit:
    """FLUSHALL: counts, cursors, lease and all are gone in the middle of the work.

    A lesser system counts on from zero; ours restores from user-aggregations, and counts the rest again.
    """
    stage.redis.primary.flushall()
    return _counting_since(stage, time.time())


@fault("redis-empty-replica", row=17, budget=60)
def redis_empty_replica(stage: Stage, _dice: Random) -> Hit:
    """Fail over to a replica that had lost everything."""
    with _one_redis(stage):
        stage.redis.promote()
        stage.redis.primary.flushall()
    return _counting_since(stage, time.time())


@fault("redis-stalls", row=18, budget=30)
def redis_stalls(stage: Stage, _dice: Random) -> Hit:
    """DEBUG SLEEP 2, twice the client's timeout: what was given up on is carried out after all, late.

    A lesser client repeats it, as redis-py does by default, and counts twice.
    """
    began = time.monotonic()
    with stage.redis.primary.client() as client:
        client.execute_command("DEBUG", "SLEEP", "2")
    assert time.monotonic() - began > 1.9
    return _counting_since(stage, time.time())


@fault("redis-hangs", row=18, budget=30)
def redis_hangs(stage: Stage, _dice: Random) -> Hit:
    """SIGSTOP for 20 s: every repetition of an apply waits in a socket, and all are carried out in the end.

    Meanwhile logins are processed on, and their counts pile up within bounds.
    """
    stage.redis.primary.pause()
    try:
        stage.hold(20)
    finally:
        stage.redis.primary.resume()
    return _counting_since(stage, time.time())


@fault("redis-two-primaries", row=19, budget=60)
def redis_two_primaries(stage: Stage, _dice: Random) -> Hit:
    """Fail over to a replica that was 5 s behind; for 10 s vm-a still counts in the old primary, vm-b in the new one.

    What the old one took is gone in the end. A lesser system never notices, since both acknowledged all.
    """
    with stage.redis.replica.client() as client:
        client.execute_command("REPLICAOF", "NO", "ONE")  # from here on it is behind
    with _one_redis(stage):
        then = _positions(stage)
        stage.hold(5)
        _wait_until_passed(stage, then)
        stage.redis.promote()
        stage.lead_to(PROXIED)
        stage.hold(10)
    return _counting_since(stage, time.time())


@fault("redis-full", row=20, budget=30)
def redis_full(stage: Stage, _dice: Random) -> Hit:
    """CONFIG SET maxmemory below what is used: each write is answered with OOM, for 10 s.

    A lesser worker dies of it, over and over; ours waits, and processes on meanwhile.
    """
    with _set(stage, "maxmemory", "1mb"):
        _refuses_writes(stage, "OutOfMemory")  # redis-py's word for OOM
        stage.hold(10)
    return _counting_since(stage, time.time())


@fault("redis-read-only", row=20, budget=30)
def redis_read_only(stage: Stage, _dice: Random) -> Hit:
    """All connections lead to the replica for 10 s: reads are answered, writes with READONLY."""
    try:
        for proxy in stage.redis_proxies.values():
            proxy.upstream = (stage.redis.replica.host, PORT)
            proxy.reset_connections()
        stage.hold(10)
    finally:
        _lead_all(stage)
    return _counting_since(stage, time.time())


@fault("redis-scripts-flushed", row=20, budget=30, weight=2, together=True)
def redis_scripts_flushed(stage: Stage, _dice: Random) -> Hit:
    """SCRIPT FLUSH: the next call of each script is answered with NOSCRIPT."""
    with stage.redis.primary.client() as client:
        client.script_flush()
        assert client.info("memory")["number_of_cached_scripts"] < 5
    return _counting_since(stage, time.time())


@fault("redis-disk-full", row=20, budget=30)
def redis_disk_full(stage: Stage, _dice: Random) -> Hit:
    """The append-only log can't be written for 10 s: MISCONF for each write.

    By the system's limit of a file's size: write(2) comes back short as on a full disk, and Redis takes it for one.
    """
    with _no_longer_files(stage):
        _refuses_writes(stage, "MISCONF")
        stage.hold(10)
    return _counting_since(stage, time.time())


def _counting_since(stage: Stage, since: float) -> Hit:
    """Logins are processed without Redis too: what shows that it is back is that all counts caught up."""
    return measured(counted(stage, since))


@contextmanager
def _one_redis(stage: Stage) -> Iterator[None]:
    """Whatever was done inside, everybody is led to the now-primary in the end, and the other one follows it."""
    try:
        yield
    finally:
        _lead_all(stage)
        stage.redis.follow()


def _lead_all(stage: Stage) -> None:
    for name in (DIRECT, PROXIED):
        stage.lead_to(name)


@contextmanager
def _set(stage: Stage, name: str, value: str) -> Iterator[None]:
    with stage.redis.primary.client() as client:
        before = str(client.config_get(name)[name])
        client.config_set(name, value)
        try:
            yield
        finally:
            client.config_set(name, before)


@contextmanager
def _no_longer_files(stage: Stage) -> Iterator[None]:
    pid = stage.redis.primary.daemon.pid
    assert pid is not None
    longest = max(file.stat().st_size for file in (stage.redis.primary.directory / "data").rglob("*") if file.is_file())
    hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (longest + 1, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


def _refuses_writes(stage: Stage, code: str) -> None:
    def refused() -> bool:
        with stage.redis.primary.client() as client:
            try:
                client.set("chaos", "x", px=1)
            except RedisError as problem:
                return code in f"{problem!r} {problem}"  # redis-py makes a class of some codes
        return False

    waits.until(f"Redis answers writes with {code}", refused)


def _positions(stage: Stage) -> list[dict[int, int]]:
    return Live(Subject.of(stage.direct)).cursors()


def _wait_until_passed(stage: Stage, then: list[dict[int, int]]) -> None:
    """Until the primary has counted more than that: there is something to lose."""

    def passed() -> bool:
        return all(
            now.get(p, 0) > at for each, now in zip(then, _positions(stage), strict=True) for p, at in each.items()
        )

    waits.until("more is counted", passed)
