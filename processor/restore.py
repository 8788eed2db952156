"""Restore: user-aggregations is the backup of the counts, and an empty shard of Redis is filled from it."""

from collections.abc import Callable
from time import monotonic
from uuid import uuid4

from processor.counts.loading import Loading
from processor.errors import Refused
from processor.faults import reach
from processor.kafka.aggregations import FORGOTTEN, published
from processor.kafka.cluster import Cluster
from processor.kafka.offsets import Checkpoint, Offsets
from processor.log import event
from processor.logins.count import shard_of
from processor.metrics.meter import add
from processor.metrics.told import RESTORES
from processor.settings import Settings

CHUNK_USERS = 5_000  # of one script call: some 10 ms of Redis's time


class Restore:
    """Restores empty shards in a leader's term; in memory it holds one chunk a shard, however many users there are.

    Chunks go to Redis in the topic's order and each exactly once, so Redis can be the one that keeps the larger count
    of a user found twice, and takes out one whose tombstone follows.
    """

    def __init__(
        self,
        settings: Settings,
        cluster: Cluster,
        loading: Loading,
        confirm: Callable[[], None],
        advance: Callable[[int], None] = lambda _records: None,
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._loading = loading
        self._confirm = confirm
        self._advance = advance

    def run(self, checkpoint: Checkpoint, prove: Callable[[], None]) -> bool:
        """Restore all shards without a lineage; False when another restore or an emptied Redis came between.

        `checkpoint` was read after this term's `init_transactions`, and `prove` commits the same one again.

        1. Begin. 2. Read user-aggregations to its end and load it. 3. Refuse counts without a checkpoint: nobody knows
        which logins are in them. 4. Prove that nobody published since the checkpoint was read. 5. Let the workers in.

        Without any checkpoint there is nothing to commit in step 4, and no need: such a shard starts without users and
        cursors, and every login is counted from the log's first offset on, whatever was published meanwhile.
        """
        began, shards = monotonic(), range(self._settings.redis.shards)
        loads = [load for load in (Load(self._loading, shard) for shard in shards) if load.begin()]
        if not loads:
            return True
        event("restoring", shards=[load.shard for load in loads])
        reach("restore.after-begin")
        try:
            self._fill({load.shard: load for load in loads})
            users = sum(self._checked(load, checkpoint.shards[load.shard]) for load in loads)
            reach("restore.before-proof")
            prove()
            reach("restore.after-proof")
            for load in loads:
                load.finish(checkpoint.shards[load.shard], checkpoint.forgotten(load.shard))
        except Overtaken:
            event("a restore was overtaken: Redis was emptied or went back, or another flusher restores")
            return False
        add(RESTORES, len(loads))
        event("restored", users=users, seconds=round(monotonic() - began, 1))
        return True

    def _fill(self, loads: dict[int, "Load"]) -> None:
        shards = self._settings.redis.shards
        for users in published(self._settings, self._cluster, self._confirm):
            for user, logins in users:
                load = loads.get(shard_of(user, shards))
                if load is not None:
                    load.put(user, logins)
            self._advance(len(users))
        for load in loads.values():
            load.push()

    def _checked(self, load: "Load", cursors: Offsets) -> int:
        users = load.users()
        if users and not cursors:
            s = self._settings
            raise Refused(
                f"Kafka: {s.topics.aggregations} holds {users} users of shard {load.shard}, but group "
                f"{s.aggregations_group} has no checkpoint for them (expired, or the group was deleted): nobody knows "
                "which logins they count. `data-processor reset` starts over"
            )
        return users


class Overtaken(Exception):  # noqa: N818 - no failure: whoever came between restores, or this one begins again
    """Redis does not hold this restore any more."""


class Load:
    """One shard's part of a restore: users wait here for the next chunk. What writes may raise Overtaken."""

    def __init__(self, loading: Loading, shard: int) -> None:
        self.shard = shard
        self._loading = loading
        self._id = uuid4().hex
        self._chunks = 0
        self._waiting: dict[str, int] = {}

    def begin(self) -> bool:
        """Start from nothing; False when the shard needs no restore."""
        return self._loading.begin(self.shard, self._id)

    def put(self, user: str, logins: int) -> None:
        """Load a record, in the topic's order."""
        waiting = self._waiting.get(user, logins)
        if len(self._waiting) >= CHUNK_USERS or (waiting == FORGOTTEN and logins != FORGOTTEN):
            self.push()  # a tombstone must be there before the user comes back: in an earlier chunk
            waiting = logins
        self._waiting[user] = FORGOTTEN if logins == FORGOTTEN else max(waiting, logins)

    def push(self) -> None:
        """Send what waits."""
        if self._waiting:
            self._held(self._loading.add(self.shard, self._id, self._chunks, self._waiting))
            self._chunks, self._waiting = self._chunks + 1, {}
            reach("restore.after-chunk")

    def users(self) -> int:
        """How many different users were sent."""
        return self._loading.loaded(self.shard)

    def finish(self, cursors: Offsets, forgets: int = 0) -> None:
        """Let the workers in, who go on from these cursors; all up to this forget are in what was loaded."""
        self._held(self._loading.finish(self.shard, self._id, self._chunks, self.users(), cursors, forgets))
        reach("restore.after-finish")

    def _held(self, answer: bool) -> None:
        if not answer:
            raise Overtaken
