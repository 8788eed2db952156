"""The flusher as it runs: real `data-processor flusher` processes, killed, stopped, cut off and told to leave."""

import random
import signal
from pathlib import Path

import pytest
from msgspec.structs import replace

from deploy.local.servers import Broker
from processor.counts.keys import Keys
from processor.counts.lease import holder
from processor.errors import Exit
from processor.kafka.cluster import Cluster
from processor.settings import Settings
from tests import stack
from tests.counting import started as started_redis
from tests.flusher_process import Flusher
from tests.flushing import Leader, Pool, impatient, until
from tests.stack import RedisServer

USERS = 5000  # several batches and chunks

FLUSH = [
    "flusher.after-lease",
    "flusher.after-init",
    "flusher.before-take",
    "flusher.after-take",
    "flusher.during-walk:2",
    "flusher.before-commit",
    "flusher.after-offsets",
    "flusher.after-commit",
    "flusher.after-drop",
]
RESTORE = [
    "restore.after-begin",
    "restore.after-chunk",
    "restore.before-proof",
    "flusher.after-offsets",
    "restore.after-proof",
    "restore.after-finish",
]


@pytest.fixture
def pool(settings: Settings, topics: object) -> Pool:  # noqa: ARG001 - they must exist
    """A pool that has published up to offset 1000, and counted on to 2000."""
    pool = Pool(impatient(settings), seed=4, users=USERS)
    leader = Leader(pool)
    assert leader.restore()
    pool.count_all(1000)
    leader.flush()
    pool.count_all(2000)
    return pool


@pytest.mark.parametrize("point", FLUSH)
def test_a_flusher_killed_at_any_point_leaves_nothing_wrong(pool: Pool, tmp_path: Path, point: str) -> None:
    with Flusher(pool.settings, tmp_path, crash_at=point) as doomed:
        assert doomed.ended() == -signal.SIGKILL

    with Flusher(pool.settings, tmp_path):
        pool.await_published(2000)
        pool.count_all(3000)
        pool.await_published(3000)


@pytest.mark.parametrize("point", RESTORE)
def test_a_flusher_killed_at_any_point_of_a_restore_leaves_nothing_wrong(
    pool: Pool, redis_server: RedisServer, tmp_path: Path, point: str
) -> None:
    redis_server.flushall()

    with Flusher(pool.settings, tmp_path, crash_at=point) as doomed:
        assert doomed.ended() == -signal.SIGKILL

    with Flusher(pool.settings, tmp_path):
        until(pool.ready)
        assert pool.store.cursors() == [dict.fromkeys(range(4), 1000)]
        assert pool.counts() == pool.all_logins(pool.store.cursors())
        pool.count_all(3000)
        pool.await_published(3000)


@pytest.mark.parametrize("point", ["flusher.after-drop", "flusher.after-thaw"])
def test_a_flusher_killed_after_clearing_a_snapshot_leaves_nothing_wrong(
    pool: Pool, redis_server: RedisServer, tmp_path: Path, point: str
) -> None:
    saved = redis_server.save(tmp_path)
    pool.count({0: 2500, 1: 2500, 2: 2200, 3: 2200})
    Leader(pool).flush()
    redis_server.restore(saved)
    pool.count({} if point == "flusher.after-drop" else {0: 2400, 1: 2400, 2: 2400, 3: 2400})
    pool.freeze()

    with Flusher(pool.settings, tmp_path, crash_at=point) as doomed:
        assert doomed.ended() == -signal.SIGKILL

    with Flusher(pool.settings, tmp_path) as flusher:
        flusher.await_said("older than what is published")
        pool.assert_published({0: 2500, 1: 2500, 2: 2200, 3: 2200})
        pool.count_all(3000)
        pool.await_published(3000)
        flusher.await_said("past what is published again")


def test_one_flusher_leads_and_the_next_takes_over_when_it_is_killed(pool: Pool, tmp_path: Path) -> None:
    with Flusher(pool.settings, tmp_path) as first:
        first.await_said("leading")
        with Flusher(pool.settings, tmp_path) as second:
            second.await_said("standing by")
            pool.await_published(2000)

            first.send(signal.SIGKILL)

            second.await_said("leading")
            pool.count_all(3000)
            pool.await_published(3000)


def test_a_stopped_leader_that_wakes_up_after_its_successor_changes_nothing(pool: Pool, tmp_path: Path) -> None:
    with Flusher(pool.settings, tmp_path) as first:
        pool.await_published(2000)
        with Flusher(pool.settings, tmp_path) as second:
            first.send(signal.SIGSTOP)
            second.await_said("leading")
            pool.count_all(2500)
            pool.await_published(2500)

            first.send(signal.SIGCONT)

            until(lambda: first.said("leading no more") or first.process.poll() == Exit.FENCED)
            pool.count_all(3000)
            pool.await_published(3000)
            assert second.said("leading") == 1


def test_told_to_stop_a_leader_gives_the_lease_back(pool: Pool, tmp_path: Path) -> None:
    with Flusher(pool.settings, tmp_path) as flusher:
        pool.await_published(2000)

        flusher.send(signal.SIGTERM)

        assert flusher.ended(20) == Exit.OK
        assert holder(pool.redis, pool.settings.redis.prefix) is None


def test_an_outage_of_kafka_is_waited_out(pool: Pool, kafka: Broker, tmp_path: Path) -> None:
    # A call to Kafka takes up to 5 s: with a lease of 3 s the outage would end the term, and what the former term has
    # still under way when Kafka is back may fence the next one.
    patient = replace(pool.settings, flusher=replace(pool.settings.flusher, lease_seconds=15.0))
    with Flusher(patient, tmp_path) as flusher:
        pool.await_published(2000)
        kafka.kill()
        pool.count_all(3000)
        flusher.await_said("waiting:")

        kafka.start()

        pool.await_published(3000)
        until(lambda: flusher.said("going on:") == flusher.said("waiting:"))
        assert flusher.process.poll() is None
        assert flusher.said("waiting:") == 1


def test_told_to_stop_during_an_outage_of_kafka_it_leaves_at_once(pool: Pool, kafka: Broker, tmp_path: Path) -> None:
    with Flusher(pool.settings, tmp_path) as flusher:
        pool.await_published(2000)
        kafka.kill()
        pool.count_all(3000)
        flusher.await_said("waiting:")

        flusher.send(signal.SIGTERM)

        assert flusher.ended(20) == Exit.OK
    kafka.start()
    with Flusher(pool.settings, tmp_path):
        pool.await_published(3000)


def test_an_outage_of_redis_is_waited_out(pool: Pool, redis_server: RedisServer, tmp_path: Path) -> None:
    with Flusher(pool.settings, tmp_path) as flusher:
        pool.await_published(2000)
        redis_server.kill9()
        flusher.await_said("waiting: publishing counts")

        redis_server.start()

        pool.count_all(3000)
        pool.await_published(3000)
        flusher.await_said("going on: publishing counts")
        assert flusher.process.poll() is None
        assert flusher.said("waiting:") == flusher.said("going on:") == 1


def test_an_emptied_redis_is_restored_without_a_hand(pool: Pool, redis_server: RedisServer, tmp_path: Path) -> None:
    with Flusher(pool.settings, tmp_path), Flusher(pool.settings, tmp_path):
        for end in (2000, 2300, 2600, 3000):
            until(pool.ready)
            pool.count_all(end)
            pool.await_published(end)
            redis_server.flushall()
        until(pool.ready)
        assert pool.counts() == pool.all_logins(pool.checkpoint().shards)


def test_a_topic_made_anew_ends_it(pool: Pool, tmp_path: Path) -> None:
    with Flusher(pool.settings, tmp_path) as flusher:
        flusher.await_said("leading")

        stack.delete_topics(pool.settings)
        until(lambda: len(Cluster(pool.settings).missing()) == 4)
        stack.create_topics(pool.settings)

        assert flusher.ended() == Exit.TOPIC_CHANGED


def test_counts_of_another_lineage_are_refused(pool: Pool, tmp_path: Path) -> None:
    cursors = Keys(pool.settings.redis.prefix, 0).cursors
    pool.redis.call("becoming another's", "HSET", cursors, "lineage", "cluster=another")

    with Flusher(pool.settings, tmp_path) as flusher:
        assert flusher.ended() == Exit.REFUSED

    assert flusher.said("cluster=another") == flusher.said(pool.lineage) == 1


def test_a_redis_that_evicts_keys_is_refused(pool: Pool, tmp_path: Path) -> None:
    evicting = ("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    with started_redis(tmp_path, *evicting) as url:
        settings = replace(pool.settings, redis=replace(pool.settings.redis, url=url))
        with Flusher(settings, tmp_path) as flusher:
            assert flusher.ended() == Exit.REFUSED

    assert flusher.said("maxmemory-policy") == 1


def test_missing_topics_are_waited_for_with_one_line(settings: Settings, tmp_path: Path) -> None:
    with Flusher(impatient(settings), tmp_path) as flusher:
        flusher.await_said("waiting:")
        stack.create_topics(settings)
        try:
            flusher.await_said("going on:")
            assert flusher.said("waiting:") == flusher.said("going on:") == flusher.said("leading") == 1
        finally:
            stack.delete_topics(settings)


def test_kills_at_random_leave_nothing_wrong(pool: Pool, redis_server: RedisServer, tmp_path: Path) -> None:
    chance = random.Random(5)
    end = 2000
    for _ in range(8):
        with Flusher(pool.settings, tmp_path) as one, Flusher(pool.settings, tmp_path) as two:
            until(lambda one=one, two=two: one.said("leading") or two.said("leading"))
            for _ in range(chance.randrange(6)):
                end += chance.randrange(30)
                until(pool.ready)
                pool.count_all(end)
            if chance.random() < 0.4:
                redis_server.flushall()
    with Flusher(pool.settings, tmp_path):
        until(pool.ready)
        pool.count_all(3000)
        pool.await_published(3000)
        assert pool.counts() == pool.all_logins(pool.store.cursors())
