"""`data-processor status` of a real pool: healthy when it is, and otherwise it says where."""

import json
import signal
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions
from msgspec.structs import replace

from deploy.local.servers import Broker
from processor.errors import Exit
from processor.settings import Settings
from tests.command import run, started
from tests.pool import Account, eventually, pool
from tests.stack import RedisServer

LOGIN = b'{"user_id":"someone"}'


class Status:
    """What the command said, in JSON, and its exit code."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        done = run(settings, folder, "status", "--json")
        assert done.stderr == ""
        self.code = done.returncode
        self.said: dict[str, Any] = json.loads(done.stdout)
        self.problems = [problem["what"] for problem in self.said["problems"]]
        self.partitions: list[dict[str, Any]] = self.said["partitions"]

    @property
    def healthy(self) -> bool:
        assert (self.code == Exit.OK) == (self.said["health"] == "healthy") == (not self.problems)
        return self.code == Exit.OK


def healthy(settings: Settings, folder: Path, workers: int = 1) -> Status:
    """Wait until it is, all workers have their share, and everything is published."""

    def at_rest() -> Status | None:
        status = Status(settings, folder)
        lags = [row["published_lag"] for row in status.partitions]
        owners = {row["slot"] for row in status.partitions}
        return status if status.healthy and len(owners) == workers and not any(lags) else None

    return eventually("the pool is healthy", at_rest)


def unhealthy(settings: Settings, folder: Path, what: str) -> Status:
    """Wait until this is what is wrong."""

    def wrong() -> Status | None:
        status = Status(settings, folder)
        return status if any(problem.startswith(what) for problem in status.problems) else None

    found: Status = eventually(what, wrong)
    assert found.code == Exit.DIFFERENCE
    assert not found.healthy
    return found


def test_a_pool_at_rest_shows_who_has_what_and_how_much(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, seed=1)
    account.feed(500, malformed=0.1)
    with pool(quick, tmp_path, workers=2):
        status = healthy(quick, tmp_path, workers=2)

    assert {(row["host"], row["slot"]) for row in status.partitions} == {(quick.host, 0), (quick.host, 1)}
    assert sum(row["end"] for row in status.partitions) == 500
    for lag in ("committed_lag", "counted_lag", "published_lag"):
        assert [row[lag] for row in status.partitions] == [0, 0, 0, 0]
    (shard,) = status.said["shards"]
    assert (shard["lineage"], shard["users"], shard["logins"]) == ("ok", len(account.users), len(account.logins))
    assert status.said["dead_letters"] == {"records": account.malformed, "exact": True}
    assert status.said["flusher"]["owner"].startswith(quick.host)
    assert (status.said["workers"], status.said["spare_workers"]) == (2, 0)


def test_a_pool_on_two_hosts_is_shown_host_by_host(quick: Settings, tmp_path: Path) -> None:
    other = replace(quick, host=f"{quick.host}-b", run_directory=str(tmp_path / "run-b"))
    (tmp_path / "b").mkdir()
    with pool(quick, tmp_path, workers=1), pool(other, tmp_path / "b", workers=1, flusher=False):
        status = eventually("both have their share", lambda: shared(Status(quick, tmp_path)))
        text = run(quick, tmp_path, "status").stdout

    rows = {row["host"]: row for row in status.said["hosts"]}
    assert set(rows) == {quick.host, other.host}
    assert [(row["workers"], row["partitions"]) for row in rows.values()] == [(1, 2), (1, 2)]
    assert [row["leads"] for row in rows.values()] == [True, False]
    assert [line.split()[:3] for line in text.splitlines() if line.startswith(other.host)] == [[other.host, "1", "2"]]


def shared(status: Status) -> Status | None:
    return status if status.healthy and [row["partitions"] for row in status.said["hosts"]] == [2, 2] else None


def test_before_anything_runs_all_that_is_missing_is_named(quick: Settings, tmp_path: Path) -> None:
    status = Status(quick, tmp_path)

    assert status.code == Exit.DIFFERENCE
    assert status.problems == ["no owner: partition 0-3", "shard 0 is not ready", "no flusher leads"]


def test_without_topics_they_are_named(settings: Settings, tmp_path: Path) -> None:
    status = Status(settings, tmp_path)

    assert status.code == Exit.DIFFERENCE
    assert status.problems[0].startswith(f"no topic {settings.topics.input}, ")


def test_markers_and_aborted_records_ahead_of_a_worker_are_no_standstill(quick: Settings, tmp_path: Path) -> None:
    with pool(quick, tmp_path, workers=1):
        healthy(quick, tmp_path)
        transactional = {**quick.kafka.client, "transactional.id": f"{quick.group}-feed"}
        producer = Producer(transactional)
        producer.init_transactions()
        for end in (producer.commit_transaction, producer.abort_transaction):
            producer.begin_transaction()
            for _ in range(3):
                producer.produce(quick.topics.input, LOGIN, partition=1)
            producer.flush()
            end()

        status = eventually("the marker is all that is left", lambda: lag_is(Status(quick, tmp_path), 5))

    assert status.healthy


def lag_is(status: Status, lag: int) -> Status | None:
    return status if status.partitions[1]["committed_lag"] == lag else None


def test_a_frozen_worker_stands_still_and_then_has_lost_its_partitions(quick: Settings, tmp_path: Path) -> None:
    with pool(quick, tmp_path, workers=1) as running:
        healthy(quick, tmp_path)
        running.send("worker-00", signal.SIGSTOP)
        Account(quick, seed=1).feed(100)

        standing = unhealthy(quick, tmp_path, "standing still")
        unhealthy(quick, tmp_path, "no owner: partition 0-3")

    assert f"{quick.host}, worker-00" in standing.said["problems"][0]["advice"]


def test_a_pool_whose_flusher_is_gone_publishes_nothing(quick: Settings, tmp_path: Path) -> None:
    with pool(quick, tmp_path, workers=1) as running:
        healthy(quick, tmp_path)
        running.kill("flusher")

        unhealthy(quick, tmp_path, "no flusher leads")


def test_an_emptied_redis_is_not_ready_until_it_is_restored(
    quick: Settings, tmp_path: Path, redis_server: RedisServer
) -> None:
    with pool(quick, tmp_path, workers=1) as running:
        Account(quick, seed=1).feed(100)
        healthy(quick, tmp_path)
        running.stop("flusher")
        redis_server.flushall()

        unhealthy(quick, tmp_path, "shard 0 is not ready")
        running.start("flusher")

        healthy(quick, tmp_path)


def test_counts_of_another_topic_are_named(quick: Settings, tmp_path: Path, redis_server: RedisServer) -> None:
    with pool(quick, tmp_path, workers=1):
        healthy(quick, tmp_path)
    with redis_server.client() as client:
        client.hset(f"{{{quick.redis.prefix}:0}}:cursors", "lineage", "another")

    unhealthy(quick, tmp_path, "shard 0 is of another lineage")


def test_a_partition_that_was_just_added_has_no_owner_and_then_has_one(quick: Settings, tmp_path: Path) -> None:
    client = AdminClient(dict(quick.kafka.client))
    with pool(quick, tmp_path, workers=1) as running:
        healthy(quick, tmp_path)
        running.send("worker-00", signal.SIGSTOP)
        for added in client.create_partitions([NewPartitions(quick.topics.input, 5)]).values():
            added.result(30)

        unhealthy(quick, tmp_path, "no owner: partition 4")
        running.send("worker-00", signal.SIGCONT)

        assert len(healthy(quick, tmp_path).partitions) == 5


def test_watching_outlives_a_broker_that_goes_away_and_comes_back(
    quick: Settings, tmp_path: Path, kafka: Broker
) -> None:
    with (
        pool(quick, tmp_path, workers=1),
        started(quick, tmp_path, "status", "--watch", "--json") as watching,
    ):
        assert watching.stdout is not None
        seen = (json.loads(line)["health"] for line in watching.stdout)
        for _ in range(2):  # at the second restart librdkafka's own way to ask for the members aborts the process
            assert "healthy" in seen
            kafka.kill()
            assert "unreachable" in seen
            kafka.start()

        assert "healthy" in seen
        assert watching.poll() is None


def test_watching_goes_on_until_it_is_stopped(quick: Settings, tmp_path: Path) -> None:
    with (
        pool(quick, tmp_path, workers=1) as running,
        started(quick, tmp_path, "status", "--watch", "--json") as watching,
    ):
        assert watching.stdout is not None
        seen = (json.loads(line)["health"] for line in watching.stdout)
        assert "healthy" in seen
        running.kill("flusher")
        assert "not healthy" in seen
        watching.send_signal(signal.SIGINT)

        assert watching.wait(300) == 130
