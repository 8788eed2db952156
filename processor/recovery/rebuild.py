"""Restoring shards by hand: what the flusher's leader does for empty ones, for damaged ones too, and without a flusher.

A shard is emptied in one step, its cursors with its counts; from then on it is what a Redis that lost it would be, and
whatever happens next, a kill included, the pool goes on from there exactly: a flusher restores it, or this command.
Workers that are alive find the shard empty, wait, and go on from the checkpoint.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from time import monotonic, sleep

from processor.alone import Alone, Tell, connected
from processor.counts.condition import Condition, Shards
from processor.counts.reading import Reading
from processor.errors import Fenced, Refused, Unavailable
from processor.faults import reach
from processor.flusher import checkpoint, refuse_other_shards
from processor.kafka.aggregations import FORGOTTEN, published
from processor.kafka.cluster import Cluster, lineage
from processor.kafka.glance import last_committed
from processor.kafka.offsets import Committed, bounds
from processor.kafka.readable import readable_ends
from processor.logins.count import shard_of
from processor.recovery.plan import Plan, ShardPlan, again, chosen, refuse_without_backup, refuse_without_log
from processor.recovery.term import Term, last_checkpoint
from processor.settings import Settings

_STILL_SECONDS = 120.0  # so long a flusher that leads may need until it begins to restore

Advance = Callable[[int], None]


class Rebuild:
    """One restore by hand of one pool's shards."""

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self._settings = settings
        self._cluster = Cluster(settings)
        missing = self._cluster.missing()
        if missing:
            raise Unavailable(f"Kafka: no topic {', '.join(missing)}: `data-processor topics create` makes them")
        self._redis, owner = connected(settings, "restore")
        self._alone = Alone(settings, self._cluster, self._redis, owner, tell)
        self._shards = Shards(self._redis, settings.redis)
        self._lineage = lineage(settings, self._cluster)
        self.alive = self._alone.alive

    def plan(self, asked: Collection[int], advance: Advance) -> Plan:
        """Look at everything, change nothing; raises Refused and LineageMismatch for what can't be restored."""
        settings, topics = self._settings, self._settings.topics
        conditions = self._shards.conditions()
        for one in conditions:
            one.check(settings.redis.prefix, self._lineage)
        wanted = chosen(len(conditions), asked, [c.shard for c in conditions if c.lineage is None or c.damage])
        reached = last_checkpoint(settings, self._cluster)
        refuse_other_shards(settings, reached)
        found = last_committed(settings, settings.group, range(self._cluster.partitions(topics.input)))
        users = users_by_shard(settings, self._cluster, advance)
        plans = [
            _shard_plan(one, reached.shards[one.shard], users[one.shard], rebuild=one.shard in wanted)
            for one in conditions
        ]
        origins = _origins(found)
        log = bounds(self._cluster, topics.input)
        for plan in plans:
            refuse_without_backup(plan, topics.aggregations, settings.aggregations_group)
            if not settings.worker.accept_gap:
                refuse_without_log(plan, origins, log)
        return Plan(plans, again(plans, {p: at.offset for p, at in found.items()}, origins))

    def run(self, plan: Plan, advance: Advance) -> None:
        """Fill the chosen shards; raises Refused, having changed nothing, while anybody of the pool is alive.

        1. Take the lease: no flusher works. 2. See that no worker is there. 3. Fence, and read the checkpoint. 4. Empty
        what is to be filled anew. 5. Restore.
        """
        self._alone.take()
        try:
            self._alone.await_nobody()
            self._lead(plan.chosen, advance)
        finally:
            self._alone.release()

    def run_live(self, plan: Plan, advance: Advance) -> None:
        """The same beside a pool at work: whoever leads restores what is emptied; without a leader it is this process.

        An apply, a snapshot or a publication that is under way finds another lineage, or none, and changes nothing.
        """
        self._empty(plan.chosen)
        deadline = monotonic() + _STILL_SECONDS
        loaded = 0
        while waiting := self._waiting(plan.chosen):
            if self._alone.acquire():
                try:
                    return self._lead([], advance)
                finally:
                    self._alone.release()
            more = sum(waiting.values())
            if more > loaded:
                advance(more - loaded)
                loaded, deadline = more, monotonic() + _STILL_SECONDS
            if monotonic() > deadline:
                raise Unavailable(f"{self._alone.leader()}, but restores nothing: see its log, or stop it")
            sleep(0.2)
        return None

    def _lead(self, shards: Sequence[int], advance: Advance) -> None:
        try:
            read = lambda: checkpoint(self._settings, self._cluster)  # noqa: E731
            term = Term(self._settings, self._cluster, self._redis, self._alone.confirm, read)
            self._empty(shards)
            term.restore(advance)
        except Fenced as problem:
            raise Refused("a flusher was started meanwhile and took over: it restores what is empty") from problem

    def _empty(self, shards: Sequence[int]) -> None:
        for shard in shards:
            self._shards.empty(shard, self._lineage)
            reach("restore.after-empty")

    def _waiting(self, shards: Sequence[int]) -> dict[int, int]:
        """The shards that are not ready, each with how many users are loaded."""
        states = Reading(self._redis, self._settings.redis).shard_states()
        return {s: states[s].restoring or 0 for s in shards if states[s].lineage is None}


def users_by_shard(settings: Settings, cluster: Cluster, advance: Advance) -> Counter[int]:
    """How many users user-aggregations has for each shard; keeps their names while it lasts."""
    users: set[str] = set()
    ends = readable_ends(cluster, settings.topics.aggregations)
    for batch in published(settings, cluster, lambda: None, ends):
        for user, logins in batch:
            (users.discard if logins == FORGOTTEN else users.add)(user)
        advance(len(batch))
    return Counter(shard_of(user, settings.redis.shards) for user in users)


def _shard_plan(found: Condition, reached: dict[int, int], users: int, *, rebuild: bool) -> ShardPlan:
    return ShardPlan(
        shard=found.shard,
        lineage=found.lineage,
        damage=found.damage,
        users=found.users,
        cursors=found.cursors,
        checkpoint=reached,
        published=users,
        rebuild=rebuild,
    )


def _origins(found: dict[int, Committed]) -> dict[int, int]:
    return {p: int(at.metadata) for p, at in found.items() if at.metadata.isdecimal()}
