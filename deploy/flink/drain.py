"""The pool's end before a migration: nobody works, and all that was processed is counted and published."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from processor.alone import Alone, Tell, connected
from processor.audit.live import Live
from processor.counts.answers import TAKEN_OVER
from processor.counts.reading import Reading
from processor.counts.resetting import Resetting
from processor.errors import Fenced, Refused, Unavailable
from processor.flusher import checkpoint
from processor.kafka.aggregations import FORGOTTEN, published
from processor.kafka.offsets import Committed, bounds, committed
from processor.kafka.readable import readable_ends
from processor.patience import persist
from processor.recovery.levelling import Levelling
from processor.recovery.term import Term
from processor.settings import Settings

Offsets = Mapping[int, int]
Bounds = Mapping[int, tuple[int, int]]


class Drained(Struct, frozen=True):
    """Everything below `vector` is processed, and is what the counts below `ends` of user-aggregations count."""

    vector: dict[int, int]  # partition of the input → the first offset that nobody has processed
    ends: dict[int, int]  # partition of user-aggregations → its end
    users: int
    logins: int


class Drain:
    """Holds the pool still, from `begin` until `release`; `tell` hears what takes a while."""

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self._settings = settings
        self._live = Live(settings)
        self._cluster = self._live.cluster
        self._redis, owner = connected(settings, "migrate")
        self._alone = Alone(settings, self._cluster, self._redis, owner, tell)
        self._shards = Resetting(self._redis, settings.redis, TAKEN_OVER)
        self.confirm = self._alone.confirm
        self.release = self._alone.release

    def begin(self) -> Drained:
        """Find out where the pool ended; raises Refused while it runs, and where its parts do not agree.

        1. Take the lease: no flusher works. 2. See that no worker is there. 3. Fence flushers of before. 4. Count what
        a killed worker left uncounted. 5. Publish all counts. 6. Compare what is published with Redis, user by user.
        """
        self._alone.take()
        self._alone.await_nobody()
        try:
            vector, found = self._vector()
            self._publish(found)
        except Fenced as problem:
            raise Refused("a flusher was started meanwhile and took over: stop it, then run it again") from problem
        ends = readable_ends(self._cluster, self._settings.topics.aggregations)
        return Drained(vector, ends, *self._compared(ends))

    def retire(self, vector: Offsets) -> None:
        """Let nobody of the pool work any more; raises Refused, with nothing changed, when somebody came meanwhile."""
        try:
            self._shards.mark()
            self._alone.confirm()
            if members := self._alone.members():
                raise Refused(f"the pool was started meanwhile: {members}. Stop it on all hosts, then run it again")
            if self._vector()[0] != vector:
                raise Refused("the pool was started meanwhile, and has processed more: run it again")
        except BaseException:
            self.call_off()
            raise

    def call_off(self) -> None:
        """Take `retire` back: the pool may be started again."""
        persist(self._shards.unmark)

    def _vector(self) -> tuple[dict[int, int], dict[int, Committed]]:
        topic = self._settings.topics.input
        found = persist(lambda: committed(self._cluster, self._settings.group, topic))
        return starts(topic, {p: at.offset for p, at in found.items()}, bounds(self._cluster, topic)), found

    def _publish(self, found: Mapping[int, Committed]) -> None:
        top = {p: at.offset for p, at in found.items()}
        origins = {p: int(at.metadata) for p, at in found.items() if at.metadata.isdecimal()}
        read = lambda: checkpoint(self._settings, self._cluster)  # noqa: E731
        term = Term(self._settings, self._cluster, self._redis, self._alone.confirm, read)
        cursors = self._live.store.cursors()
        refuse_uncommitted(cursors, top)
        Levelling(self._live, self._alone.confirm).run(cursors, top, origins)
        for shard in [*range(self._settings.redis.shards)] * 2:  # a snapshot that was left comes first, then the rest
            if term.publisher.sound:
                term.publishing.flush(shard)
        if not term.publisher.sound or not all(reached == top for reached in term.publishing.checkpoint.shards):
            raise Unavailable("not everything that is counted could be published: run it again")

    def _compared(self, ends: Offsets) -> tuple[int, int]:
        """How many users and logins are published, which are exactly those in Redis; holds all users in memory."""
        found = united(self._partition(partition, end) for partition, end in ends.items())
        reading = Reading(self._redis, self._settings.redis)
        for shard in range(self._settings.redis.shards):
            for batch in reading.counts(shard):
                refuse_differences(batch, found)
                self._alone.confirm()
        users = sum(state.users for state in reading.shard_states())
        counted = [logins for logins in found.values() if logins != FORGOTTEN]
        if len(counted) != users:
            raise Refused(
                f"{self._settings.topics.aggregations} has {len(counted)} users, Redis {users}: `data-processor audit` "
                "says who is right. Nothing was changed"
            )
        return users, sum(counted)

    def _partition(self, partition: int, end: int) -> dict[str, int]:
        batches = published(self._settings, self._cluster, self._alone.confirm, {partition: end})
        return {user: logins for batch in batches for user, logins in batch}


def starts(topic: str, processed: Offsets, log: Bounds) -> dict[int, int]:
    """Each partition's first offset that is not processed; raises Refused where it is not in the log any more."""
    found = {partition: processed.get(partition, low) for partition, (low, _) in sorted(log.items())}
    for partition, offset in found.items():
        low, high = log[partition]
        if not low <= offset <= high:
            raise Refused(
                f"Kafka: {topic} partition {partition} is processed below offset {offset}, and its log reaches from "
                f"{low} to {high}: what lies between is lost. Only the pool can go on, with worker.accept_gap = true; "
                "let it, then run this again"
            )
    return found


def refuse_uncommitted(shards: Sequence[Offsets], processed: Offsets) -> None:
    """Raise Refused where more is counted than was processed: then nobody knows what was."""
    for shard, cursors in enumerate(shards):
        for partition, cursor in cursors.items():
            if cursor > processed.get(partition, 0):
                raise Refused(
                    f"Redis: shard {shard} counts partition {partition} up to offset {cursor}, and it is committed as "
                    f"processed up to {processed.get(partition, 'nothing')}: offsets were lost or set by hand. "
                    "`data-processor audit` says what is there"
                )


def united(partitions: Iterator[Mapping[str, int]]) -> dict[str, int]:
    """All users of user-aggregations; raises Refused for one in two partitions, whose latest count nobody knows."""
    found: dict[str, int] = {}
    for one in partitions:
        if twice := one.keys() & found.keys():
            raise Refused(
                f"user-aggregations has {len(twice)} users in two partitions, as after partitions were added to it: "
                "`data-processor reset` makes it anew"
            )
        found |= one
    return found


def refuse_differences(counted: Sequence[tuple[str, int]], found: Mapping[str, int]) -> None:
    """Raise Refused for a user whose count in Redis is another than the published one; names nobody."""
    for user, logins in counted:
        if found.get(user, FORGOTTEN) != logins:
            raise Refused(
                f"Redis counts {logins} logins of a user whom user-aggregations gives {found.get(user, FORGOTTEN)}: "
                "`data-processor audit` says who is right. Nothing was changed"
            )
