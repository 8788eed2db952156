"""What a leader publishes: each shard's changes, one transaction a shard, with the checkpoint of all shards in it."""

from collections.abc import Callable
from time import monotonic
from uuid import uuid4

from processor.counts.snapshot import Behind, Snapshot, Snapshots
from processor.errors import Unavailable
from processor.faults import reach
from processor.kafka.offsets import Checkpoint
from processor.kafka.publisher import Publisher
from processor.log import event
from processor.logins.forgotten import Forget
from processor.logins.snapshots import Fate
from processor.metrics.meter import add, observe
from processor.metrics.told import PUBLISH_SECONDS, PUBLISHED


class Publishing:
    """One term's work on user-aggregations; `checkpoint` is where it stands.

    The checkpoint is read once a term, after `init_transactions`: from then on nobody else can commit one without
    fencing this producer first, so the last one committed here *is* the one in Kafka.

    One transaction a shard, because shards fail alone: one that was emptied, went back or has to be walked again holds
    up no other, and no transaction grows beyond one shard's changes. Nobody needs two shards to appear at once.
    """

    def __init__(
        self, snapshots: Snapshots, publisher: Publisher, checkpoint: Checkpoint, confirm: Callable[[], None]
    ) -> None:
        self.checkpoint = checkpoint
        self._snapshots = snapshots
        self._publisher = publisher
        self._confirm = confirm
        self._behind: set[int] = set()
        self._committed: float | None = None

    def flush(self, shard: int) -> None:
        """Publish what changed in a shard since the last time.

        Raises NotReady for a shard that has to be restored, and Unavailable when the flush must begin again.
        """
        taken = self._take(shard)
        while isinstance(taken, Snapshot) and taken.fate is not Fate.PUBLISH:
            self._clear(taken)
            taken = self._take(shard)
        self._note(shard, taken)
        if isinstance(taken, Snapshot):
            self._publish(taken)

    def recommit(self) -> None:
        """Commit the same checkpoint again: so it does not expire, and it proves that nobody else has published."""
        if self.checkpoint.offsets():
            with self._publisher.transaction():
                self._publisher.commit(self.checkpoint)
        self._committed = monotonic()

    def recommit_after(self, seconds: float) -> None:
        """The same, when none was committed for so long, or in this term at all: one may have been short of expiry."""
        if self._committed is None or monotonic() - self._committed >= seconds:
            self.recommit()

    def _take(self, shard: int) -> Snapshot | Behind | None:
        self._confirm()
        reach("flusher.before-take")
        taken = self._snapshots.take(
            shard, self.checkpoint.shards[shard], uuid4().hex, self.checkpoint.forgotten(shard)
        )
        reach("flusher.after-take")
        return taken

    def _clear(self, left: Snapshot) -> None:
        """Take away a snapshot that a crash left and that can't be published any more."""
        event(f"a snapshot was left behind: {left.fate.value}", shard=left.shard, users=left.users)
        if left.fate is Fate.DROP:
            self._snapshots.drop(left)
        else:
            self._snapshots.thaw(left)
        reach(f"flusher.after-{left.fate.value}")

    def _publish(self, snapshot: Snapshot) -> None:
        """Make a snapshot's counts the latest records of its users.

        1. Walk and produce it. 2. Check that it still stands: a FLUSHALL during the walk looks like its end. 3. Commit
        it with the checkpoint. 4. Only then drop it, by its id.
        """
        began, reached, forgotten = monotonic(), self._with(snapshot), 0
        with self._publisher.transaction():
            for users in self._snapshots.walk(snapshot):
                self._publisher.send([(user, logins) for user, logins in users if logins > 0])
                forgotten += self._forget(snapshot, [(user, -logins) for user, logins in users if logins <= 0])
                reach("flusher.during-walk")
                self._confirm()
            if not self._snapshots.stands(snapshot):
                raise Unavailable(f"Redis: the snapshot of shard {snapshot.shard} is gone: it was emptied or went back")
            reach("flusher.before-commit")
            self._publisher.commit(reached)
        reach("flusher.after-commit")
        self.checkpoint, self._committed = reached, monotonic()
        observe(PUBLISH_SECONDS, self._committed - began)
        add(PUBLISHED, snapshot.users)
        self._snapshots.drop(snapshot)
        reach("flusher.after-drop")
        if forgotten:
            event("users were forgotten, as they were asked to be", shard=snapshot.shard, users=forgotten)

    def _forget(self, snapshot: Snapshot, users: list[tuple[str, int]]) -> int:
        """Take back the counts of users who were forgotten with a snapshot; answers how many they are."""
        for user, logins in users:
            self._publisher.forget(user, Forget(snapshot.cursors, snapshot.forgets, logins))
        return len(users)

    def _with(self, snapshot: Snapshot) -> Checkpoint:
        shards, forgets = (
            list(self.checkpoint.shards),
            list(self.checkpoint.forgets or [0] * len(self.checkpoint.shards)),
        )
        shards[snapshot.shard], forgets[snapshot.shard] = snapshot.cursors, snapshot.forgets
        return Checkpoint(shards, forgets if any(forgets) else [])

    def _note(self, shard: int, taken: Snapshot | Behind | None) -> None:
        """One line when a shard falls behind what is published, and one when it is past it again."""
        if isinstance(taken, Behind) and shard not in self._behind:
            self._behind.add(shard)
            event(
                "Redis came back older than what is published: nothing new is until the workers have counted that far",
                shard=shard,
                cursors=taken.cursors,
                checkpoint=self.checkpoint.shards[shard],
            )
        elif not isinstance(taken, Behind) and shard in self._behind:
            self._behind.remove(shard)
            event("counts are past what is published again", shard=shard)
