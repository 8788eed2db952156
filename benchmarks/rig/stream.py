"""A pool under a steady stream: a feeder and readers in processes of their own, and what they saw of each login."""

import time
from collections.abc import Callable
from contextlib import closing

from msgspec import Struct

from benchmarks.rig import checks, cpu, paced, passed, seen
from benchmarks.rig.child import SPAWN, Child
from benchmarks.rig.paced import Sent, Target
from benchmarks.rig.pool import Pool
from benchmarks.rig.positions import Positions
from benchmarks.rig.redis_client import redis_client
from benchmarks.rig.servers import Servers
from benchmarks.rig.stamped import SENT
from benchmarks.rig.waiting import until
from processor.logins.generated import Recipe
from processor.settings import Settings

WARM_UP_SECONDS = 3.0
AHEAD = 50_000  # logins that wait when the feeder goes as fast as the pool: a third of a second's work
_PATIENCE_SECONDS = 120.0

Feeding = Callable[..., Sent]


class Streamed(Struct, frozen=True):
    """What was seen of a stream."""

    since: int  # nanoseconds since the epoch: the warm-up was over
    seconds: float  # from then until the feeder was stopped
    sent: Sent
    bases: dict[int, int]  # where each partition of the input ended before
    seen: list[seen.Seen]
    passed: passed.Both
    cpu: cpu.Seconds  # of all groups of processes, in those seconds

    @property
    def rate(self) -> float:
        """Logins a second that were sent since the warm-up."""
        return self.logins / self.seconds

    @property
    def logins(self) -> int:
        """How many were sent since the warm-up."""
        return sum(each.records for each in self.seen if each.mark >= self.since)


class Stream:
    """One pool's surroundings: streams follow one another, each to its end."""

    def __init__(self, where: Servers, settings: Settings, pool: Pool, recipe: Recipe) -> None:
        self._where = where
        self._settings = settings
        self._pool = pool
        self._target = Target(where.kafka.bootstrap, settings.topics.input, settings.group, recipe)

    def at_rate(self, rate: float, seconds: float) -> Streamed:
        """Send so many a second, for so long after the warm-up."""
        return self._run(paced.send, rate, seconds)

    def at_capacity(self, seconds: float) -> Streamed:
        """Send as many as the pool takes while it is fed and read on the same machine."""
        return self._run(paced.keep_ahead, AHEAD, seconds)

    def _run(self, feeding: Feeding, pace: float, seconds: float) -> Streamed:
        settings, bootstrap = self._settings, self._where.kafka.bootstrap
        bases = seen.ends(bootstrap, settings.topics.input)
        starts = seen.ends(bootstrap, settings.topics.processed)
        ready, stop, settled, wanted = SPAWN.Barrier(4), SPAWN.Event(), SPAWN.Event(), SPAWN.Value("q", -1)
        feeder = Child(feeding, self._target, pace, ready, stop)
        reader = Child(seen.watch, bootstrap, settings.topics.processed, starts, SENT, ready, wanted)
        watcher = Child(passed.watch, settings, ready, settled)
        try:
            ready.wait(_PATIENCE_SECONDS)
            time.sleep(WARM_UP_SECONDS)
            since, before = time.time_ns(), self._cpu()
            time.sleep(seconds)
            spent = cpu.between(before, self._cpu())
            lasted = (time.time_ns() - since) / 1e9
            stop.set()
            sent = feeder.result(_PATIENCE_SECONDS)
            wanted.value = sent.logins
            found = reader.result(_PATIENCE_SECONDS)
            self._settle(sum(bases.values()) + sent.logins)
            settled.set()
            both = watcher.result(_PATIENCE_SECONDS)
        finally:
            for child in (feeder, reader, watcher):
                child.end()
        checks.require("processed records", sum(each.records for each in found), sent.logins)
        return Streamed(since, lasted, sent, bases, found, both, spent)

    def _cpu(self) -> cpu.Seconds:
        return cpu.snapshot(self._pool.pids | self._where.pids)

    def _settle(self, logins: int) -> None:
        """Wait until all so far are counted and published, so that a stream does not meet what the last one left."""
        settings, bootstrap = self._settings, self._where.kafka.bootstrap
        with (
            closing(Positions(bootstrap, settings.aggregations_group, settings.topics.input)) as published,
            redis_client(settings.redis) as client,
        ):
            until("all is counted", lambda: sum(passed.cursors_of(client, settings).values()) >= logins)
            published.wait(logins)
        time.sleep(0.1)  # for the watcher's next look
        self._pool.require_alive()
