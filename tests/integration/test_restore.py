"""Restore on a real broker and Redis: an empty shard gets exactly the counts of the checkpoint, or none at all."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from processor.errors import Fenced, Refused, Unavailable
from processor.kafka.topics import properties
from processor.settings import Settings
from tests.flushing import Leader, Once, Pool, expire_checkpoint, impatient, until
from tests.stack import RedisServer

pytestmark = pytest.mark.usefixtures("topics")

USERS = 20_000  # several chunks


@pytest.fixture
def pool(settings: Settings) -> Pool:
    return published(settings)


def published(settings: Settings, shards: int = 1, users: int = USERS) -> Pool:
    """A pool that has published up to 5000 of 6000, and counted on to 5500."""
    pool = Pool(impatient(settings, shards), seed=3, users=users, logins=6000)
    leader = Leader(pool)
    assert leader.restore()
    for end in (2000, 5000):
        pool.count_all(end)
        leader.flush()
    pool.count_all(5500)
    return pool


def assert_restored(pool: Pool) -> None:
    """Redis stands at the checkpoint, and from there everything goes on exactly."""
    assert pool.checkpoint().shards == pool.store.cursors()
    assert pool.counts() == pool.all_logins(pool.store.cursors())
    pool.count_all(6000)
    assert pool.counts() == pool.all_logins(pool.store.cursors())
    Leader(pool).flush()
    pool.assert_published_to(6000)


def test_the_very_first_start_makes_every_shard_ready_without_cursors(settings: Settings) -> None:
    pool = Pool(impatient(settings, shards=3), seed=3)

    assert Leader(pool).restore()

    assert pool.store.cursors() == [{}, {}, {}]
    pool.count_all(100)
    Leader(pool).flush()
    pool.assert_published_to(100)


@pytest.mark.parametrize("shards", [1, 3])
def test_an_emptied_redis_gets_what_was_published(settings: Settings, redis_server: RedisServer, shards: int) -> None:
    pool = published(settings, shards)
    redis_server.flushall()

    assert Leader(pool).restore()

    assert pool.checkpoint().shards == [dict.fromkeys(range(4), 5000)] * shards
    assert_restored(pool)


def test_a_shard_that_is_ready_is_left_alone(settings: Settings) -> None:
    pool = published(settings, shards=2)
    pool.empty_shard(0)

    assert Leader(pool).restore()

    assert pool.store.cursors() == [dict.fromkeys(range(4), 5000), dict.fromkeys(range(4), 5500)]
    assert pool.counts() == pool.all_logins(pool.store.cursors())
    pool.count_all(6000)
    Leader(pool).flush()
    pool.assert_published_to(6000)


def test_of_a_user_found_twice_the_larger_count_is_restored(pool: Pool, redis_server: RedisServer) -> None:
    latest = pool.published()
    few = dict.fromkeys(list(latest)[:100], 1)
    write(pool, {user: aggregation(user, logins) for user, logins in few.items()})
    redis_server.flushall()

    assert Leader(pool).restore()

    assert pool.counts() == latest


def test_a_forgotten_user_is_not_restored_and_one_who_came_back_with_the_new_count(
    pool: Pool, redis_server: RedisServer
) -> None:
    latest = pool.published()
    gone, back = [f"user-{n}" for n in range(0, USERS, 3)], [f"user-{n}" for n in range(0, USERS, 6)]
    write(pool, dict.fromkeys(gone))
    write(pool, {user: aggregation(user, 1) for user in back})
    redis_server.flushall()

    assert Leader(pool).restore()

    assert pool.counts() == {user: n for user, n in latest.items() if user not in gone} | dict.fromkeys(back, 1)


def test_counts_without_a_checkpoint_are_refused(pool: Pool, redis_server: RedisServer) -> None:
    expire_checkpoint(pool)
    redis_server.flushall()

    with pytest.raises(Refused, match="no checkpoint"):
        Leader(pool).restore()

    assert not pool.ready()


def test_a_first_flush_that_never_committed_needs_no_checkpoint(settings: Settings, redis_server: RedisServer) -> None:
    pool = Pool(impatient(settings), seed=3, users=USERS)
    leader = Leader(pool)
    leader.restore()
    pool.count_all(1000)
    leader.meanwhile = Once(redis_server.flushall, at=2)
    with pytest.raises(Unavailable):
        leader.flush()  # what it wrote is in the topic, aborted

    assert Leader(pool).restore()

    assert pool.store.cursors() == [{}]


@pytest.mark.parametrize("policy", ["compact,delete", "delete"])
def test_a_topic_that_deletes_is_no_backup(pool: Pool, redis_server: RedisServer, policy: str) -> None:
    set_policy(pool, policy)
    redis_server.flushall()

    with pytest.raises(Refused, match=f"cleanup.policy {policy}"):
        Leader(pool).restore()

    assert not pool.ready()
    set_policy(pool, "compact")
    assert Leader(pool).restore()
    assert_restored(pool)


@pytest.mark.parametrize("value", [b"{}", b"not json", b'{"user_id":"u","login_count":0}', b"\xff"])
def test_a_topic_that_something_else_writes_to_is_no_backup(
    settings: Settings, redis_server: RedisServer, value: bytes
) -> None:
    pool = published(settings, users=100)
    write(pool, {"u": value})
    redis_server.flushall()

    with pytest.raises(Refused, match="not a user's count"):
        Leader(pool).restore()


def test_a_flushall_during_the_restore_starts_it_again(pool: Pool, redis_server: RedisServer) -> None:
    redis_server.flushall()
    leader = Leader(pool, Once(redis_server.flushall, at=2))

    assert not leader.restore()

    assert not pool.ready()
    assert leader.restore()
    assert_restored(pool)


@pytest.mark.parametrize("at", [1, 2])
def test_a_redis_killed_during_the_restore_is_restored_when_it_is_back(
    pool: Pool, redis_server: RedisServer, at: int
) -> None:
    redis_server.flushall()
    leader = Leader(pool, Once(redis_server.kill9, at=at))

    with pytest.raises(Unavailable):
        leader.restore()

    redis_server.start()
    assert not pool.ready()
    assert leader.restore()
    assert_restored(pool)


def test_a_redis_that_went_back_during_the_restore_is_not_made_of_two_halves(
    pool: Pool, redis_server: RedisServer, tmp_path: Path
) -> None:
    redis_server.flushall()
    saved: list[Path] = []
    meanwhile = OneByOne(lambda: saved.append(redis_server.save(tmp_path)), lambda: redis_server.restore(saved[0]))

    with suppress(Unavailable):  # its connection may be lost, too
        assert not Leader(pool, meanwhile).restore()

    assert meanwhile.done
    assert not pool.ready()
    assert Leader(pool).restore()
    assert_restored(pool)


def win(pool: Pool) -> None:
    """Restore, count on and publish, as another leader."""
    winner = Leader(pool)
    assert winner.restore()
    pool.count_all(5800)
    winner.flush()


def test_of_two_restorers_one_wins_and_the_other_changes_nothing(pool: Pool, redis_server: RedisServer) -> None:
    redis_server.flushall()
    meanwhile = Once(lambda: win(pool))
    slow = Leader(pool, meanwhile)

    with suppress(Fenced):  # when it has nothing left to load, Kafka is the first to refuse it
        assert not slow.restore()

    assert meanwhile.done
    assert slow.restore()  # sees that there is nothing to do
    pool.assert_published_to(5800)
    assert pool.counts() == pool.all_logins(pool.store.cursors())


def test_what_is_published_after_the_checkpoint_was_read_is_never_loaded_under_it(
    pool: Pool, redis_server: RedisServer
) -> None:
    redis_server.flushall()
    slow = Leader(pool)

    def lose_after_winning() -> None:
        win(pool)
        redis_server.flushall()  # so that nothing in Redis refuses the slow one

    with pytest.raises(Fenced):
        slow.restore(before_proof=lose_after_winning)

    assert not pool.ready()
    assert Leader(pool).restore()
    assert pool.checkpoint().shards == [dict.fromkeys(range(4), 5800)]
    assert_restored(pool)


def test_a_restorer_that_wakes_up_before_its_last_step_changes_nothing(pool: Pool, redis_server: RedisServer) -> None:
    redis_server.flushall()
    slow = Leader(pool)

    assert not slow.restore(after_proof=lambda: win(pool))

    pool.assert_published_to(5800)
    assert pool.counts() == pool.all_logins(pool.store.cursors())


class OneByOne:
    """Does one thing at each call, until all are done."""

    def __init__(self, *actions: Callable[[], object]) -> None:
        self._actions = list(actions)

    def __call__(self) -> None:
        if self._actions:
            self._actions.pop(0)()

    @property
    def done(self) -> bool:
        return not self._actions


def aggregation(user: str, logins: int) -> bytes:
    return json.dumps({"user_id": user, "login_count": logins}).encode()


def write(pool: Pool, records: Mapping[str, bytes | None]) -> None:
    """Write to user-aggregations what no flusher would."""
    producer = Producer({**pool.settings.kafka.client, "partitioner": "murmur2_random"})
    for user, value in records.items():
        producer.produce(pool.settings.topics.aggregations, value, user.encode())
    assert producer.flush(60) == 0


def set_policy(pool: Pool, policy: str) -> None:
    topic = pool.settings.topics.aggregations
    wanted = ConfigEntry("cleanup.policy", policy, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[wanted])
    admin = AdminClient(pool.settings.kafka.client)
    for changed in admin.incremental_alter_configs([resource]).values():
        changed.result()
    until(lambda: properties(pool.cluster, topic)["cleanup.policy"] == policy)
