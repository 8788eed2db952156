"""All counts under another prefix, divided among another number of shards.

The new shards are restored from user-aggregations like any empty ones. What makes that exact is where they stand: a new
shard has users of several old ones, so it can have one cursor a partition only if all old shards are published up to
the same. The switch is the commit of the checkpoint with the new number of shards, in a transaction:

- before it, the old settings work, and a flusher with the new ones refuses the checkpoint;
- after it, the new settings work (a flusher restores what is missing under the new prefix, from that checkpoint), and a
  flusher with the old ones refuses it; then the old shards are marked, so that workers refuse them, too.

A worker that is alive unseen harms nothing: it counts in the old shards, which nobody publishes any more, and the
new workers begin at their own cursors, however far it has moved the committed offsets on by then.
"""

from collections.abc import Callable

from msgspec import Struct

from processor.alone import Alone, Tell, connected
from processor.audit.carrying import carry
from processor.audit.live import Live
from processor.counts.answers import moved_to
from processor.counts.condition import Condition, Shards
from processor.counts.loading import Loading
from processor.errors import Fenced, Refused, Unavailable
from processor.faults import reach
from processor.flusher import checkpoint, refuse_other_shards
from processor.kafka import offsets
from processor.kafka.cluster import lineage
from processor.kafka.offsets import Checkpoint, committed
from processor.patience import persist
from processor.recovery.levelling import Levelling
from processor.recovery.plan import level
from processor.recovery.term import Term, fenced, last_checkpoint
from processor.restore import Restore
from processor.settings import Settings

_ATTEMPTS = 3

Advance = Callable[[int], None]


class Division(Struct, frozen=True):
    """What a change of the number of shards finds."""

    prefix: str
    shards: int
    to_prefix: str
    to_shards: int
    users: int  # in the old shards
    switched: bool  # an earlier run has come so far: what is left is to complete it
    damaged: list[str]  # what keeps the old shards from being published


class Reshard:
    """One move, from the settings in force to those that are to be."""

    def __init__(self, settings: Settings, target: Settings, tell: Tell) -> None:
        if settings.redis.shards == target.redis.shards or settings.redis.prefix == target.redis.prefix:
            raise Refused(
                f"there are {settings.redis.shards} shards under the prefix {settings.redis.prefix}: name another "
                "number and another prefix. Another prefix alone needs no command: stop the pool, set it, start it"
            )
        self._old, self._new = settings, target
        self._live = Live(settings)
        self._cluster = self._live.cluster
        self._redis, owner = connected(settings, "restore")
        prefixes = [settings.redis.prefix, target.redis.prefix]
        self._alone = Alone(settings, self._cluster, self._redis, owner, tell, prefixes)
        self._from, self._to = Shards(self._redis, settings.redis), Shards(self._redis, target.redis)
        self._lineage = lineage(target, self._cluster)
        self._mark = moved_to(target.redis.prefix, target.redis.shards)
        self.alive = self._alone.alive

    def plan(self) -> Division:
        """Look at everything, change nothing; raises Refused and LineageMismatch for what can't be moved."""
        old, new, conditions = self._old.redis, self._new.redis, self._from.conditions()
        return Division(
            prefix=old.prefix,
            shards=old.shards,
            to_prefix=new.prefix,
            to_shards=new.shards,
            users=sum(condition.users for condition in conditions),
            switched=self._switched(conditions, last_checkpoint(self._old, self._cluster)),
            damaged=[f"shard {c.shard}: {c.damage}" for c in conditions if c.damage],
        )

    def run(self, advance: Advance, *, drop: bool) -> bool | None:
        """Move; raises Refused, with nothing switched, while anybody of the pool is alive.

        Answers whether this host's baseline of the audit goes on; None where it has none.

        1. Take both leases: no flusher works. 2. See that no worker is there. 3. Publish all that is counted, every
        shard up to the same offsets. 4. Load the new shards. 5. Switch. 6. Let them be used. 7. Mark the old ones.
        """
        self._alone.take()
        try:
            self._alone.await_nobody()
            fenced(self._old, self._alone.confirm)
            found = persist(lambda: offsets.checkpoint(self._old, self._cluster))
            if self._switched(self._from.conditions(), found):
                self._complete(advance)
            else:
                self._move(advance)
            self._from.retire(self._live.lineage, self._mark, drop=drop)
            return carry(self._old, self._new, self._live.identity(), self._lineage)
        except Fenced as problem:
            raise Refused("a flusher was started meanwhile and took over: stop it, then run it again") from problem
        finally:
            self._alone.release()

    def _switched(self, conditions: list[Condition], found: Checkpoint) -> bool:
        """Whether an earlier run came to the switch; raises Refused where the two prefixes fit no such run."""
        marked = [c for c in conditions if c.lineage == self._mark]
        for condition in conditions:
            if condition not in marked:
                condition.check(self._old.redis.prefix, self._live.lineage)
        if marked or len(found.shards) == self._new.redis.shards:
            return True
        refuse_other_shards(self._old, found)
        for condition in self._to.conditions():
            if condition.lineage is not None and not condition.moved:
                raise Refused(
                    f"Redis: the prefix {self._new.redis.prefix} has counts already (shard {condition.shard} is of "
                    f"lineage `{condition.lineage}`): choose another one"
                )
        return False

    def _move(self, advance: Advance) -> None:
        for condition in self._to.conditions():
            if condition.lineage is not None:  # counts were moved away from there once
                self._to.empty(condition.shard, condition.lineage)
        term = self._settled(advance)
        reached = term.publishing.checkpoint
        forgets = [max(reached.forgets)] * self._new.redis.shards if reached.forgets else []
        target = Checkpoint([reached.shards[0]] * self._new.redis.shards, forgets)
        loading = Loading(self._redis, self._new.redis, self._lineage)
        restore = Restore(self._new, self._cluster, loading, self._alone.confirm, advance)
        if not restore.run(target, lambda: self._switch(term, target)):
            raise Unavailable("Redis was emptied or went back meanwhile: run it again")

    def _switch(self, term: Term, target: Checkpoint) -> None:
        members = self._alone.members()
        if members:
            raise Refused(f"the pool was started meanwhile: {members}. Nothing was switched; stop it on all hosts")
        reach("reshard.before-switch")
        if target.offsets():
            with term.publisher.transaction():
                term.publisher.commit(target)

    def _settled(self, advance: Advance) -> Term:
        """A term in which all that is counted is published, every shard up to the same offsets."""
        for _ in range(_ATTEMPTS):
            term = self._term(self._old)
            term.restore(advance)
            top = self._level(term)
            reach("reshard.after-level")
            if self._publish(term, top):
                reach("reshard.after-publish")
                return term
        raise Unavailable("not everything that is counted could be published: run it again")

    def _level(self, term: Term) -> dict[int, int]:
        cursors = self._live.store.cursors()
        found = persist(lambda: committed(self._cluster, self._old.group, self._old.topics.input))
        origins = {p: int(at.metadata) for p, at in found.items() if at.metadata.isdecimal()}
        top = level(cursors, term.publishing.checkpoint.shards)
        Levelling(self._live, self._alone.confirm).run(cursors, top, origins)
        return top

    def _publish(self, term: Term, top: dict[int, int]) -> bool:
        """Whether all is published: the first time a snapshot that was left comes first, the second time the rest."""
        for shard in [*range(self._old.redis.shards)] * 2:
            if not term.publisher.sound:
                return False
            term.publishing.flush(shard)
        return term.publisher.sound and all(reached == top for reached in term.publishing.checkpoint.shards)

    def _complete(self, advance: Advance) -> None:
        """The switch is made: what is left is an ordinary restore under the new settings."""
        self._term(self._new).restore(advance)

    def _term(self, settings: Settings) -> Term:
        read = lambda: checkpoint(settings, self._cluster)  # noqa: E731
        return Term(settings, self._cluster, self._redis, self._alone.confirm, read)
