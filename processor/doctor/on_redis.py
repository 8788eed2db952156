"""Judges what Redis looks like, and this machine's clock by its."""

import re
from collections.abc import Iterator

from processor.counts.checkup import RedisSeen
from processor.counts.failures import KEY_PATTERNS
from processor.doctor.finding import Finding, Level

_LEAST, _TESTED = (6, 2), (7, 0)
_NEARLY_FULL = 0.8
_CLOCK_SECONDS = 1.0
_CONNECTIONS_A_POOL = 200  # two a worker, and the tools


def findings(seen: RedisSeen, prefix: str) -> Iterator[Finding]:
    """How new it is, what it would do when full, whether it outlives a restart, the rights, and the clocks."""
    yield _version(seen)
    yield from _role(seen)
    yield from _memory(seen)
    yield from _persistence(seen)
    yield _rights(seen, prefix)
    if 0 < seen.most_clients < seen.clients + _CONNECTIONS_A_POOL:
        what = f"{seen.clients:,} of at most {seen.most_clients:,} connections are in use"
        yield Finding("redis", Level.WARNING, what, "raise maxclients: a worker needs two")
    yield _clock(seen)


def _version(seen: RedisSeen) -> Finding:
    version = tuple(int(number) for number in re.findall(r"\d+", seen.version)[:2])
    if version < _LEAST:
        return Finding("redis", Level.WRONG, f"{seen.where} is Redis {seen.version}", "upgrade it to 7")
    if version < _TESTED:
        what = f"{seen.where} is Redis {seen.version}: the pool is tested with 7"
        return Finding("redis", Level.WARNING, what, "upgrade it to 7")
    return Finding("redis", Level.OK, f"{seen.where} is Redis {seen.version}")


def _role(seen: RedisSeen) -> Iterator[Finding]:
    if seen.role != "master":
        what = f"{seen.where} is a {seen.role}: it takes no writes"
        yield Finding("redis", Level.WRONG, what, "redis.url must lead to the primary")


def _memory(seen: RedisSeen) -> Iterator[Finding]:
    if seen.policy != "noeviction":
        level = Level.WRONG if seen.most_bytes else Level.WARNING
        yield Finding(
            "memory",
            level,
            f"maxmemory-policy is {seen.policy}: a full Redis would throw counts away",
            "`CONFIG SET maxmemory-policy noeviction`, and in redis.conf",
        )
    if seen.evicted:
        what = f"it has thrown {seen.evicted:,} keys away since its start"
        yield Finding("memory", Level.WRONG, what, "set noeviction and maxmemory, then `data-processor audit`")
    most = seen.most_bytes or seen.machine_bytes
    if most and seen.used_bytes > _NEARLY_FULL * most:
        what = f"{seen.used_bytes:,} of {most:,} bytes are in use"
        yield Finding("memory", Level.WARNING, what, "give it more (maxmemory, and the machine), or divide the counts")
    elif seen.policy == "noeviction" and not seen.evicted:
        limit = f"{most:,}" if seen.most_bytes else f"no maxmemory, the machine has {most:,}"
        yield Finding("memory", Level.OK, f"noeviction, {seen.used_bytes:,} bytes in use ({limit})")


def _persistence(seen: RedisSeen) -> Iterator[Finding]:
    for name in seen.failing:
        advice = "its disk is full or broken, or it can't fork: its log says why"
        yield Finding("persistence", Level.WRONG, f"its last write to disk failed ({name})", advice)
    if not seen.append_only:
        what = (
            "appendonly is off: after a restart it is empty or old, and all since the last publication is counted anew"
        )
        yield Finding("persistence", Level.WARNING, what, "`CONFIG SET appendonly yes`, and in redis.conf")
    elif not seen.failing:
        yield Finding("persistence", Level.OK, "appendonly is on, and its writes succeed")


def _rights(seen: RedisSeen, prefix: str) -> Finding:
    if seen.refused is None:
        return Finding("redis rights", Level.UNKNOWN, f"Redis {seen.version} does not say what a user may do")
    if not seen.refused:
        return Finding("redis rights", Level.OK, "this user may do all that the pool does")
    wanted = " ".join(f"+{name.replace(' ', '|')}" for name in seen.refused)
    keys = KEY_PATTERNS.replace("PREFIX", prefix)
    what = f"this user may not {', '.join(seen.refused)} on the pool's keys"
    return Finding("redis rights", Level.WRONG, what, f"`ACL SETUSER … {keys} {wanted}`")


def _clock(seen: RedisSeen) -> Finding:
    ahead = abs(seen.clock_ahead) - seen.clock_within
    said = f"{abs(seen.clock_ahead):.3f} s {'ahead of' if seen.clock_ahead > 0 else 'behind'} that of Redis"
    if ahead > _CLOCK_SECONDS:
        advice = "have chrony or systemd-timesyncd set the clock, here or there: processed_timestamp is written by it"
        return Finding("clock", Level.WARNING, f"this machine's clock is {said}", advice)
    return Finding("clock", Level.OK, f"{said} (within {seen.clock_within:.3f} s); no broker tells its time")
