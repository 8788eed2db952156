"""The flusher's surroundings: a log with a twin of its workers, leaders of one's own, and the oracle.

The oracle is invariant 3: the latest record of each user is their number of logins below their shard's checkpoint, and
no record of a user is ever lower than the one before.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from time import monotonic, sleep

from confluent_kafka import KafkaException, Message
from confluent_kafka.admin import AdminClient
from msgspec.structs import replace

from processor.counts.connection import Connection, connect
from processor.counts.keys import Keys
from processor.counts.loading import Loading
from processor.counts.reading import Reading
from processor.counts.snapshot import Snapshot, Snapshots
from processor.counts.store import Applied, CountStore, Move
from processor.errors import Unavailable
from processor.kafka import offsets
from processor.kafka.cluster import Cluster, lineage
from processor.kafka.offsets import Checkpoint
from processor.kafka.publisher import Publisher
from processor.kafka.reader import read
from processor.logins.count import shard_of, tally
from processor.publishing import Publishing
from processor.restore import Restore
from processor.settings import FlusherSettings, Settings
from tests import stack


def impatient(settings: Settings, shards: int = 1) -> Settings:
    """Settings under which a flusher does in tenths of a second what takes it seconds otherwise."""
    quick = FlusherSettings(interval_seconds=0.05, lease_seconds=2.0)  # the lease is worth two answers of Redis
    return replace(settings, flusher=quick, redis=replace(settings.redis, shards=shards, timeout_seconds=0.9))


def patient(settings: Settings) -> Connection:
    """A connection that a busy machine does not lose."""
    return connect(replace(settings.redis, timeout_seconds=20.0), "test")


class Pool:
    """One pool's seeded log, counted into Redis as far as a test wants, and what is published of it."""

    def __init__(self, settings: Settings, seed: int, users: int = 200, logins: int = 3000) -> None:
        self.settings = settings
        self.cluster = Cluster(settings)
        until(self._made)
        self.lineage = lineage(settings, self.cluster)
        self.redis = patient(settings)
        self.store = CountStore(self.redis, settings.redis, self.lineage)
        chance = random.Random(seed)
        names = [f"user-{n}" for n in range(users)]
        self.log = [chance.choices(names, k=logins) for _ in range(settings.topics.partitions)]

    def _made(self) -> bool:
        """A topic that was just made is not known everywhere at once, nor who leads its partitions."""
        try:
            return all(offsets.bounds(self.cluster, name) for name in stack.topic_names(self.settings))
        except Unavailable:
            return False

    def count(self, ends: Mapping[int, int], shards: set[int] | None = None) -> None:
        """Count as the workers do: in each shard from its own cursors up to these offsets."""
        for shard, cursors in enumerate(self.store.cursors()):
            if shards is None or shard in shards:
                moves = [_move(p, cursors.get(p), ends.get(p)) for p in range(len(self.log))]
                users = [user for move in moves for user in self.log[move.partition][move.start or 0 : move.end or 0]]
                logins = tally(users, self.settings.redis.shards)[shard]
                assert isinstance(self.store.apply(shard, moves, logins), Applied)

    def count_all(self, end: int) -> None:
        """The same offset everywhere."""
        self.count(dict.fromkeys(range(len(self.log)), end))

    def logins(self, cursors: Mapping[int, int], shard: int = 0) -> Counter[str]:
        """What a shard's counts must be at these cursors."""
        users = [user for p, end in cursors.items() for user in self.log[p][:end]]
        return tally(users, self.settings.redis.shards)[shard]

    def all_logins(self, shards: Sequence[Mapping[int, int]]) -> dict[str, int]:
        """What all counts must be when the shards stand at these cursors."""
        return {u: n for shard, cursors in enumerate(shards) for u, n in self.logins(cursors, shard).items()}

    def freeze(self) -> None:
        """Leave a snapshot of everything, as a leader would that stalled before it knew of any checkpoint."""
        snapshots = Snapshots(self.redis, self.settings.redis, self.lineage)
        for shard in range(self.settings.redis.shards):
            assert isinstance(snapshots.take(shard, {}, "stalled"), Snapshot)

    def ready(self) -> bool:
        """Whether any shard has a lineage, so that workers would count."""
        return any(state.lineage for state in Reading(self.redis, self.settings.redis).shard_states())

    def empty_shard(self, shard: int) -> None:
        """As when one node of a cluster lost all it had."""
        self.redis.call("emptying a shard", "DEL", *Keys(self.settings.redis.prefix, shard).all())

    def checkpoint(self) -> Checkpoint:
        """The committed one, once no transaction over it is open and the coordinator is there."""
        found: list[Checkpoint] = []
        until(lambda: self._read_checkpoint(found))
        return found[0]

    def _read_checkpoint(self, found: list[Checkpoint]) -> bool:
        try:
            found.append(offsets.checkpoint(self.settings, self.cluster))
        except Unavailable:
            return False
        return True

    def counts(self) -> dict[str, int]:
        """All counts in Redis; each user is in their own shard."""
        reading, shards = Reading(self.redis, self.settings.redis), self.settings.redis.shards
        found = {shard: dict(chain.from_iterable(reading.counts(shard))) for shard in range(shards)}
        assert all(shard_of(user, shards) == shard for shard, users in found.items() for user in users)
        return {user: logins for users in found.values() for user, logins in users.items()}

    def records(self) -> list[Message]:
        """Every record of user-aggregations that a read_committed consumer gets."""
        topic = self.settings.topics.aggregations
        ends = {p: high for p, (_, high) in offsets.bounds(self.cluster, topic).items()}
        return [message for batch in read(self.settings, topic, {}, ends) for message in batch]

    def published(self) -> dict[str, int]:
        """The latest record of each user; fails when one is lower than the one before it."""
        latest: dict[str, int] = {}
        for message in self.records():
            value = json.loads(message.value() or b"")
            user, logins = value["user_id"], value["login_count"]
            assert message.key() == user.encode()
            assert list(value) == ["user_id", "login_count"]
            assert logins >= latest.get(user, 0), f"{user} went down from {latest[user]} to {logins}"
            latest[user] = logins
        return latest

    def assert_published(self, cursors: Mapping[int, int] | None = None) -> None:
        """What is published is exact at the checkpoint, and that is `cursors` in every shard."""
        checkpoint, published = self.checkpoint(), self.published()
        if cursors is not None:
            wanted = [dict(cursors)] * self.settings.redis.shards
            assert checkpoint.shards == wanted, f"the checkpoint is {checkpoint.shards}, not {wanted}"
        assert checkpoint == self.checkpoint(), "somebody published meanwhile"
        shards = self.settings.redis.shards
        for shard, reached in enumerate(checkpoint.shards):
            found = {user: logins for user, logins in published.items() if shard_of(user, shards) == shard}
            assert found == self.logins(reached, shard)

    def assert_published_to(self, end: int) -> None:
        """The same, one offset everywhere."""
        self.assert_published(dict.fromkeys(range(len(self.log)), end))

    def await_published(self, end: int, seconds: float = 300.0) -> None:
        """Wait for flushers to come so far, then check what they published."""
        wanted = [dict.fromkeys(range(len(self.log)), end)] * self.settings.redis.shards
        until(lambda: self.checkpoint().shards == wanted, seconds)
        self.assert_published_to(end)


def _move(partition: int, start: int | None, end: int | None) -> Move:
    return Move(partition, start, start if end is None else max(end, start or 0))


class Leader:
    """A leader's term in this process, without a lease; `meanwhile` happens each time the leader looks up from work."""

    def __init__(self, pool: Pool, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.meanwhile: Callable[[], None] = lambda: None
        self.publisher = Publisher(pool.settings, "test", self.confirm)
        self.publisher.ready()
        settings, redis = pool.settings, patient(pool.settings)
        snapshots = Snapshots(redis, settings.redis, pool.lineage)
        self.publishing = Publishing(snapshots, self.publisher, pool.checkpoint(), self.confirm)
        self._restore = Restore(settings, pool.cluster, Loading(redis, settings.redis, pool.lineage), self.confirm)
        self._shards = range(settings.redis.shards)
        self.meanwhile = meanwhile  # not before: becoming the leader may take several looks

    def confirm(self) -> None:
        self.meanwhile()

    def flush(self) -> None:
        for shard in self._shards:
            self.publishing.flush(shard)

    def restore(
        self, before_proof: Callable[[], None] = lambda: None, after_proof: Callable[[], None] = lambda: None
    ) -> bool:
        def prove() -> None:
            before_proof()
            self.publishing.recommit()
            after_proof()

        return self._restore.run(self.publishing.checkpoint, prove)


def expire_checkpoint(pool: Pool) -> None:
    """As after seven days without a commit."""
    admin = AdminClient(pool.settings.kafka.client)
    group = pool.settings.aggregations_group

    def deleted() -> bool:
        try:
            admin.delete_consumer_groups([group])[group].result()
        except KafkaException:
            return False  # its last commit is not carried out yet
        return True

    until(deleted)


class Once:
    """Does something at the n-th call, and nothing before or after."""

    def __init__(self, action: Callable[[], object], at: int = 1) -> None:
        self._action = action
        self._left = at

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._action()

    @property
    def done(self) -> bool:
        return self._left <= 0


def until(
    done: Callable[[], object], seconds: float = 300.0, why: Callable[[], str] = lambda: "it took too long"
) -> None:
    """Return when `done()` says so; fails with `why()` when it takes too long."""
    deadline = monotonic() + seconds
    while not done():
        assert monotonic() < deadline, why()
        sleep(0.02)
