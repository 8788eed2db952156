"""The reset itself.

It may be killed anywhere. From its first change until its last, all shards bear a mark in the lineage's place, so
workers and flushers refuse to start, and say why; and everything in Kafka changes in one transaction. Run again, it
begins from the start. A Redis that is emptied in between loses the mark: then the flusher restores it from what Kafka
says, which is all old or all new, and either is right.
"""

from datetime import UTC, datetime

from processor.alone import Alone, Tell, connected
from processor.audit.baseline import path_of
from processor.counts.reading import Reading
from processor.counts.resetting import Resetting
from processor.errors import Refused, Unavailable
from processor.faults import reach
from processor.kafka.cluster import Cluster, lineage
from processor.kafka.offsets import bounds, committed
from processor.kafka.rewinding import Rewinding, published_keys
from processor.logins.forgotten import is_marker
from processor.patience import persist
from processor.reset.plan import Choice, Plan, beginnings, starts
from processor.settings import Settings


class Reset:
    """One reset of one pool; `tell` hears what takes a while."""

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self._settings = settings
        self._cluster = Cluster(settings)
        missing = self._cluster.missing()
        if missing:
            raise Unavailable(f"Kafka: no topic {', '.join(missing)}: `data-processor topics create` makes them")
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._when = when
        self._redis, owner = connected(settings, "reset")
        self._pool = Alone(settings, self._cluster, self._redis, owner, tell)
        self._shards = Resetting(self._redis, settings.redis, f"reset of {when}, not finished")

    def plan(self, chosen: Choice) -> Plan:
        """Find out what would change; changes nothing itself."""
        settings, topic = self._settings, self._settings.topics.input
        input_bounds = bounds(self._cluster, topic)
        found = persist(lambda: committed(self._cluster, settings.group, topic))
        states = Reading(self._redis, settings.redis).shard_states()
        published = published_keys(settings, self._cluster, lambda: None)
        forgotten = sum(is_marker(key) for keys in published.values() for key in keys)
        return Plan(
            starts=starts(chosen, input_bounds),
            committed={p: at.offset for p, at in found.items()},
            input=input_bounds,
            users=sum(state.users for state in states),
            published=sum(map(len, published.values())) - forgotten,
            forgotten=forgotten,
            lineages=[state.lineage for state in states],
            lineage=lineage(settings, self._cluster),
        )

    def alive(self) -> str | None:
        """Who of the pool is alive at this moment, for a person; None for nobody."""
        return self._pool.alive()

    def run(self, plan: Plan) -> None:
        """Carry the plan out; raises Refused, having changed nothing, while the pool is alive.

        1. Take the lease: no flusher works. 2. See that no worker is there. 3. Mark the shards: none can begin.
        4. See again. 5. Fence the flushers, and wait until no transaction over the group is open: a worker that
        woke up late could still commit it. 6. Change Kafka in one transaction. 7. Begin the shards anew.
        """
        self._pool.take()
        try:
            self._pool.await_nobody()
            self._shards.mark()
            reach("reset.after-mark")
            self._refuse_if_alive()
            self._change_kafka(plan)
            path_of(self._settings).unlink(missing_ok=True)
            self._shards.anew(plan.lineage, plan.starts)
        finally:
            self._pool.release()

    def _change_kafka(self, plan: Plan) -> None:
        settings, topics, cluster = self._settings, self._settings.topics, self._cluster
        rewinding = Rewinding(settings, f"{settings.host}-reset", self._pool.confirm)
        rewinding.ready()
        reach("reset.after-fence")
        persist(lambda: committed(cluster, settings.group, topics.input))
        self._refuse_if_log_moved(plan)
        published = published_keys(settings, cluster, self._pool.confirm)
        begins = beginnings(self._when, bounds(cluster, topics.processed), bounds(cluster, topics.dead_letters))
        reach("reset.before-commit")
        rewinding.commit(published, plan.starts, begins)
        reach("reset.after-commit")

    def _refuse_if_log_moved(self, plan: Plan) -> None:
        for partition, (low, high) in bounds(self._cluster, self._settings.topics.input).items():
            if not low <= plan.starts.get(partition, -1) <= high:
                self._shards.unmark()
                raise Refused(
                    f"partition {partition} of the input has changed meanwhile: its log reaches from {low} to {high}. "
                    "Nothing was changed; run it again"
                )

    def _refuse_if_alive(self) -> None:
        members = self._pool.members()
        if members:
            self._shards.unmark()
            raise Refused(f"the pool was started meanwhile: {members}. Nothing was changed; stop it on all hosts")
