"""What happens around the pool: Redis lost, emptied and set back, topics changed, two pools of one name."""

import json
import signal
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions
from msgspec import structs

from deploy.local.servers import Broker
from processor.errors import Exit
from processor.settings import Settings
from tests import stack
from tests.pool import Account, Pool, eventually, offsets, pool, redis_counts

SEED = 20_261_122


def started(running: Pool, name: str) -> bool:
    """Whether a process said that it has begun to work."""
    return '"started"' in running.log(name).read_text()


def counted(settings: Settings) -> int:
    """How many logins Redis has counted."""
    return sum(redis_counts(settings).values())


def test_a_redis_killed_and_started_again_loses_and_repeats_nothing(
    quick: Settings, redis_server: stack.RedisServer, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path) as running:
        for _ in range(3):
            account.feed(3_000)
            redis_server.kill9()
            account.feed(3_000)
            redis_server.start()
        account.check()
        assert running.starts["worker-00"] == 1, "an outage of Redis is no reason to die"


def test_a_redis_that_stands_still_keeps_nobody_from_polling(
    quick: Settings, redis_server: stack.RedisServer, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path) as running:
        account.feed(3_000)
        eventually("the first are counted", lambda: counted(quick) == sum(account.users.values()))
        redis_server.pause()
        account.feed(3_000)
        eventually("processed meanwhile", lambda: sum(offsets(quick, quick.group).values()) >= 6_000)
        redis_server.resume()
        account.check()
        assert running.starts["worker-00"] == 1


def test_an_emptied_redis_is_restored_without_a_hand(
    quick: Settings, redis_server: stack.RedisServer, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path):
        for _ in range(3):
            account.feed(4_000)
            redis_server.flushall()
            account.feed(2_000)
        account.check()


def test_a_redis_set_back_to_an_older_dump_is_caught_up(
    quick: Settings, redis_server: stack.RedisServer, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path):
        account.feed(4_000)
        eventually("all counted", account.settled)
        older = redis_server.save(tmp_path)
        account.feed(4_000)
        eventually("all counted", account.settled)
        redis_server.restore(older)
        account.feed(4_000)
        account.check()


def test_a_busy_partition_notices_for_an_idle_one_that_redis_went_back(
    quick: Settings, redis_server: stack.RedisServer, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1):
        account.feed(1_000, partition=0)
        eventually("all counted", account.settled)
        older = redis_server.save(tmp_path)
        account.feed(1_000, partition=1)
        eventually("all counted", account.settled)
        redis_server.restore(older)
        account.feed(1_000, partition=0)
        account.check()


def test_idle_workers_notice_that_redis_went_back(
    quick: Settings, redis_server: stack.RedisServer, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path):
        older = redis_server.save(tmp_path)
        account.feed(2_000)
        eventually("all counted", account.settled)
        redis_server.restore(older)
        eventually("counted again without a new login", lambda: counted(quick) == sum(account.users.values()))
        account.check()


def test_a_broker_that_goes_and_comes_back_loses_and_repeats_nothing(
    quick: Settings, kafka: Broker, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path) as running:
        for _ in range(2):
            account.feed(4_000)
            eventually("some are counted", lambda: counted(quick))
            kafka.kill()
            kafka.start()
        account.feed(4_000)
        eventually("all is done, whoever had to start anew", lambda: running.revive() or account.settled())
        account.check()


def test_a_topic_made_anew_is_refused_within_seconds(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(2_000)
        eventually("all counted", account.settled)
        stack.delete_topics(structs.replace(quick, topics=quick.topics), only=[quick.topics.input])
        eventually("made anew", lambda: quick.topics.input in stack.create_topics(quick))
        worker = running.running["worker-00"]
        eventually("the worker ended", lambda: worker.poll() is not None)
        assert worker.returncode == Exit.TOPIC_CHANGED
        again = running.start("worker-00")
        eventually("a new one refuses too", lambda: again.poll() is not None)
        assert again.returncode == Exit.REFUSED
        assert "reset" in running.log("worker-00").read_text()


def test_added_partitions_are_found_and_exact(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    admin = AdminClient(dict(quick.kafka.client))
    with pool(quick, tmp_path, workers=2):
        account.feed(3_000)
        eventually("all counted", account.settled)
        admin.create_partitions([NewPartitions(quick.topics.input, 6)])[quick.topics.input].result(30)
        for partition in (4, 5):
            account.feed(1_000, partition=partition)
        account.feed(1_000)
        account.check()


def test_of_two_pools_with_one_host_name_one_works(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    twin = structs.replace(quick, run_directory=str(tmp_path / "twin-run"))
    (tmp_path / "twin").mkdir()
    with (
        pool(quick, tmp_path, workers=1) as first,
        pool(twin, tmp_path / "twin", workers=1, flusher=False) as second,
    ):
        eventually("one works", lambda: started(first, "worker-00") or started(second, "worker-00"))
        account.feed(5_000)
        loser = eventually("one gives way", lambda: _ended(first) or _ended(second))
        assert "host" in loser.log("worker-00").read_text().splitlines()[-1]
        account.feed(5_000)
        account.check()


def _ended(running: Pool) -> Pool | None:
    return running if running.running["worker-00"].poll() == Exit.FENCED else None


def test_sigterm_drains_and_leaves_in_order(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=2) as running:
        account.feed(20_000)
        eventually("both have started", lambda: started(running, "worker-00") and started(running, "worker-01"))
        assert running.stop("worker-00") == 0
        assert running.stop("worker-01") == 0
        committed = sum(offsets(quick, quick.group).values())
        dead = sum('"counted": true' in running.log(f"worker-0{slot}").read_text() for slot in (0, 1))
        assert dead == 2, "everything that was committed was also counted"
        assert counted(quick) <= committed
        running.start("worker-00")
        account.check()


def test_a_pool_without_its_topics_waits_with_one_line(settings: Settings, tmp_path: Path) -> None:
    account_settings = settings
    with pool(account_settings, tmp_path, workers=1, flusher=False) as running:
        eventually("it waits", lambda: "topics create" in running.log("worker-00").read_text())
        stack.create_topics(settings)
        running.start("flusher")
        eventually("it goes on by itself", lambda: started(running, "worker-00"))
        lines = [json.loads(line) for line in running.log("worker-00").read_text().splitlines()]
        assert sum("topics create" in str(line) for line in lines) == 1
        assert running.starts["worker-00"] == 1
        stack.delete_topics(settings)


def test_a_committed_offset_that_expired_is_refused_while_counts_remain(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    admin = AdminClient(dict(quick.kafka.client))
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(1_000)
        eventually("all counted", account.settled)
        running.kill("worker-00")
        eventually("the group can be deleted", lambda: _deleted(admin, quick.group))
        worker = running.start("worker-00")
        assert worker.wait(300) == Exit.REFUSED
        assert "no committed offset" in running.log("worker-00").read_text()


def _deleted(admin: AdminClient, group: str) -> bool:
    return admin.delete_consumer_groups([group])[group].exception(30) is None


def test_a_redis_that_evicts_is_refused_with_the_setting_to_change(
    quick: Settings, redis_server: stack.RedisServer, tmp_path: Path
) -> None:
    with redis_server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", "1gb")
    try:
        with pool(quick, tmp_path, workers=1, flusher=False) as running:
            assert running.running["worker-00"].wait(300) == Exit.REFUSED
            assert "maxmemory-policy" in running.log("worker-00").read_text()
    finally:
        with redis_server.client() as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "0")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_end_while_it_waits_ends_at_once_with_0(
    number: signal.Signals, settings: Settings, tmp_path: Path
) -> None:
    with pool(settings, tmp_path, workers=1, flusher=False) as running:
        eventually("it waits", lambda: "waiting" in running.log("worker-00").read_text())
        running.send("worker-00", number)
        assert running.running["worker-00"].wait(300) == 0
