"""What is published, on a real broker and Redis: exact at the checkpoint, whatever happens at whichever point."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from processor.counts.keys import Keys
from processor.errors import Fenced, Refused, Unavailable
from processor.flusher import checkpoint
from processor.settings import KafkaSettings, Settings
from tests.flushing import Leader, Once, Pool, expire_checkpoint, impatient
from tests.stack import RedisServer

pytestmark = pytest.mark.usefixtures("topics")

WALK = 2  # the leader looks up before it takes a snapshot, and then after each batch of the walk


@pytest.fixture
def pool(settings: Settings) -> Pool:
    return started(settings)


def started(settings: Settings, shards: int = 1, users: int = 5000) -> Pool:
    """A pool that has published up to offset 1000."""
    pool = Pool(impatient(settings, shards), seed=1, users=users)
    leader = Leader(pool)
    assert leader.restore()
    pool.count_all(1000)
    leader.flush()
    pool.assert_published_to(1000)
    return pool


def publish(pool: Pool) -> None:
    """Flush as a new leader would."""
    leader = Leader(pool)
    leader.flush()
    leader.flush()  # the first may have found a snapshot that was left


@pytest.mark.parametrize("shards", [1, 3])
def test_what_is_published_are_the_counts_at_the_checkpoint(settings: Settings, shards: int) -> None:
    pool = started(settings, shards)
    leader = Leader(pool)

    for end in (1001, 1500, 3000):
        pool.count_all(end)
        leader.flush()

        pool.assert_published_to(end)


def test_only_users_that_changed_are_published(pool: Pool) -> None:
    before = len(pool.records())
    pool.count({0: 1001})

    publish(pool)

    assert len(pool.records()) == before + 1


def test_cursors_that_move_without_logins_move_the_checkpoint(pool: Pool) -> None:
    pool.count_all(3000)
    publish(pool)
    before = len(pool.records())

    pool.count_all(3500)
    publish(pool)

    assert len(pool.records()) == before
    pool.assert_published_to(3500)


def test_a_partition_that_is_added_is_published(settings: Settings) -> None:
    pool = Pool(impatient(settings), seed=2)
    leader = Leader(pool)
    leader.restore()
    pool.count({0: 500, 1: 600})
    leader.flush()
    pool.assert_published({0: 500, 1: 600})

    pool.count({3: 10})
    leader.flush()

    pool.assert_published({0: 500, 1: 600, 3: 10})


def test_a_count_lies_in_the_partition_that_java_clients_would_choose(pool: Pool) -> None:
    records = pool.records()

    assert len({record.partition() for record in records}) > 1
    for record in records:
        assert record.partition() == (murmur2(record.key() or b"") & 0x7FFFFFFF) % 4


def test_more_users_than_the_producer_may_hold_are_published(settings: Settings) -> None:
    small = {"queue.buffering.max.messages": 500}
    pool = started(replace(settings, kafka=KafkaSettings(client=settings.kafka.client, producer=small)))
    pool.count_all(3000)

    publish(pool)

    pool.assert_published_to(3000)


def test_an_expired_checkpoint_is_written_again_while_nothing_changes(pool: Pool) -> None:
    leader = Leader(pool)
    leader.publishing.recommit_after(3600)  # the first of a term comes at once
    expire_checkpoint(pool)

    leader.publishing.recommit_after(3600)
    assert pool.checkpoint().shards == [{}]

    leader.publishing.recommit_after(0)
    pool.assert_published_to(1000)


def test_a_flushall_during_the_walk_publishes_nothing(pool: Pool, redis_server: RedisServer) -> None:
    pool.count_all(2000)
    leader = Leader(pool, Once(redis_server.flushall, at=WALK))

    with pytest.raises(Unavailable):
        leader.flush()

    pool.assert_published_to(1000)
    assert Leader(pool).restore()
    pool.count_all(2500)
    publish(pool)
    pool.assert_published_to(2500)


def test_a_flushall_at_the_end_of_the_walk_publishes_nothing(settings: Settings, redis_server: RedisServer) -> None:
    pool = started(settings, users=100)  # they come in one batch: the walk ends well, but the snapshot is gone
    pool.count_all(2000)
    leader = Leader(pool, Once(redis_server.flushall, at=WALK))

    with pytest.raises(Unavailable):
        leader.flush()

    pool.assert_published_to(1000)


def test_a_redis_killed_during_the_walk_is_walked_again(pool: Pool, redis_server: RedisServer) -> None:
    def kill() -> None:
        redis_server.kill9()
        redis_server.start()

    pool.count_all(2000)
    leader = Leader(pool, Once(kill, at=WALK))

    with pytest.raises(Unavailable):
        leader.flush()

    pool.assert_published_to(1000)
    publish(pool)
    pool.assert_published_to(2000)


@pytest.mark.parametrize("when", [1, WALK])
def test_a_deposed_leader_that_wakes_up_changes_nothing(pool: Pool, when: int) -> None:
    def succeed() -> None:
        publish(pool)
        pool.count_all(2500)
        publish(pool)
        pool.count_all(3000)

    pool.count_all(2000)
    deposed = Leader(pool, Once(succeed, at=when))

    with pytest.raises((Fenced, Unavailable)):  # its snapshot was published and dropped while it walked it
        deposed.flush()
    with pytest.raises(Fenced):
        deposed.flush()

    pool.assert_published_to(2500)
    publish(pool)
    pool.assert_published_to(3000)


def test_a_redis_that_came_back_older_publishes_nothing_until_it_is_past_the_checkpoint(
    pool: Pool, redis_server: RedisServer, tmp_path: Path
) -> None:
    saved = redis_server.save(tmp_path)
    pool.count_all(2000)
    publish(pool)
    redis_server.restore(saved)

    for partial in ({}, {0: 1500, 1: 1500}, {0: 2900, 1: 2900, 2: 2900, 3: 1999}):
        pool.count(partial)
        publish(pool)
        pool.assert_published_to(2000)

    pool.count_all(2900)
    publish(pool)
    pool.assert_published_to(2900)


def test_an_older_redis_with_a_snapshot_that_was_published_since_drops_it(
    pool: Pool, redis_server: RedisServer, tmp_path: Path
) -> None:
    saved: list[Path] = []
    pool.count_all(2000)
    leader = Leader(pool, Once(lambda: saved.append(redis_server.save(tmp_path)), at=WALK))
    leader.flush()
    pool.count_all(2500)
    leader.flush()

    redis_server.restore(saved[0])
    publish(pool)

    pool.assert_published_to(2500)
    pool.count_all(3000)
    publish(pool)
    pool.assert_published_to(3000)


def test_a_snapshot_that_is_ahead_here_and_behind_there_is_thawed(
    pool: Pool, redis_server: RedisServer, tmp_path: Path
) -> None:
    # Given a leader that stalled after it read the checkpoint, and meanwhile a successor that published more and a
    # Redis that went back and was counted on in another order
    saved = redis_server.save(tmp_path)
    published = {0: 2000, 1: 1500, 2: 1500, 3: 1500}

    def meanwhile() -> None:
        pool.count(published)
        publish(pool)
        redis_server.restore(saved)
        pool.count({0: 1700, 1: 1900, 2: 1900, 3: 1900})

    stalled = Leader(pool, Once(meanwhile))
    # When it wakes up and takes its snapshot
    with pytest.raises(Fenced):
        stalled.flush()
    # Then neither counts go down now, nor is a user missing later
    publish(pool)
    pool.assert_published(published)
    pool.count_all(2050)
    publish(pool)
    pool.assert_published_to(2050)


def test_a_shard_that_is_behind_does_not_hold_up_the_others(settings: Settings) -> None:
    pool = started(settings, shards=2)
    keys = Keys(pool.settings.redis.prefix, 0).all()
    saved = {key: found for key in keys if (found := pool.redis.call("saving", "DUMP", key)) is not None}
    pool.count_all(2000)
    publish(pool)
    pool.redis.call("going back", "DEL", *keys)
    for key, content in saved.items():
        pool.redis.call("going back", "RESTORE", key, 0, content)

    pool.count_all(2000 - 1)
    pool.count(dict.fromkeys(range(4), 3000), shards={1})
    publish(pool)

    assert [at[0] for at in pool.checkpoint().shards] == [2000, 3000]
    pool.assert_published()


def test_a_checkpoint_of_another_shard_count_is_refused(pool: Pool) -> None:
    with pytest.raises(Refused, match="1 shards"):
        checkpoint(replace(pool.settings, redis=replace(pool.settings.redis, shards=2)), pool.cluster)


def murmur2(data: bytes) -> int:
    """Kafka's Utils.murmur2, unsigned."""
    mixer, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * mixer & mask
        h = (h * mixer & mask) ^ ((k ^ k >> 24) * mixer & mask)
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * mixer & mask
    h = (h ^ h >> 13) * mixer & mask
    return h ^ h >> 15
