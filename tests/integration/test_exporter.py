"""The exporter beside real workers, Kafka, Redis and supervisord: what it says is so, whoever asks and however."""

import os
import signal
import socket
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from confluent_kafka import Producer

from processor.metrics.told import OF_FLUSHER, OF_PROCESS, OF_WORKER
from processor.settings import Settings, TopicSettings
from tests.pool import Account, eventually, pool
from tests.scraping import Scrape, get
from tests.stack import RedisServer
from tests.supervised import vm

WORKERS = 2


def scrape(settings: Settings) -> Scrape:
    eventually("the exporter answers", lambda: get(settings, "/healthz")[0] == 200)
    return Scrape(settings)


def at_rest(settings: Settings) -> Scrape:
    """Wait until nothing is behind."""

    def caught_up() -> Scrape | None:
        found = scrape(settings)
        lags = found.all("login_partition_lag_records")
        return (
            found
            if len(lags) == 3 * settings.topics.partitions and not found.sum("login_partition_lag_records")
            else None
        )

    rest: Scrape = eventually("all is published", caught_up)
    return rest


def shares(settings: Settings) -> list[float]:
    """How many partitions each worker has."""
    return [value for _, value in scrape(settings).all("login_owned_partitions")]


def at_work(settings: Settings) -> list[str]:
    states = scrape(settings).all("login_process_state", state="working")
    return [labels["process"] for labels, value in states if value]


def test_what_is_scraped_adds_up_to_what_was_fed(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, seed=1)
    with pool(quick, tmp_path, WORKERS) as running:
        running.start("exporter")
        account.feed(2000, malformed=0.05)
        at_rest(quick)
        eventually("all told", lambda: scrape(quick).sum("login_records_consumed_total") == 2000)
        owned = quick.topics.partitions  # all may be done before they are divided between both
        eventually("all are owned", lambda: scrape(quick).sum("login_owned_partitions") == owned)
        found = scrape(quick)
        eventually("it is ready", lambda: get(quick, "/readyz") == (200, "ready\n"))
        told = {metric.name for metric in (*OF_PROCESS, *OF_WORKER, *OF_FLUSHER)}
        eventually("all that is declared is told", lambda: told <= scrape(quick).names())
        eventually("both workers have partitions", lambda: at_work(quick) == ["exporter", "worker-00", "worker-01"])

    assert found.sum("login_records_produced_total") == sum(account.logins.values())
    assert found.sum("login_records_dead_lettered_total") == account.malformed
    assert found.sum("login_records_skipped_total") == 0
    assert found.sum("login_age_seconds_count") == 2000
    assert found.sum("login_shard_users") == len(account.users)
    assert found.sum("login_shard_ready") == 1
    assert found.sum("login_users_published_total") >= len(account.users)
    assert found.sum("login_partition_end_offset") == 2000
    assert found.sum("login_dead_letters") >= account.malformed
    assert found.sum("login_transactions_total", outcome="committed") == found.sum("login_batch_records_count")
    seconds = found.all("login_partition_lag_seconds")
    assert [value for _, value in seconds] == [0.0] * 3 * quick.topics.partitions


def test_a_workers_time_adds_up_to_one_second_a_second(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, seed=2)
    with pool(quick, tmp_path, 1) as running:
        running.start("exporter")
        account.feed(500)
        at_rest(quick)
        first = scrape(quick)
        told = "login_process_told_timestamp_seconds"
        account.feed(20_000)
        at_rest(quick)
        eventually(
            "it told again",
            lambda: scrape(quick).sum(told, process="worker-00") > first.sum(told, process="worker-00") + 3,
        )
        last = scrape(quick)

    passed = last.sum(told, process="worker-00") - first.sum(told, process="worker-00")
    spent = last.sum("login_worker_seconds_total") - first.sum("login_worker_seconds_total")
    assert spent == pytest.approx(passed, abs=0.5)  # a transaction under way is told when it is over


def test_a_killed_workers_counters_begin_anew_and_its_successor_overwrites_its_file(
    settings: Settings,
    topics: TopicSettings,  # noqa: ARG001 (they exist while it is used)
) -> None:
    account = Account(settings, seed=3)
    with vm(settings, WORKERS) as machine:
        eventually("both have their share", lambda: shares(machine.settings) == [2, 2])
        account.feed(1000)
        at_rest(machine.settings)
        eventually("all told", lambda: scrape(machine.settings).sum("login_records_consumed_total") == 1000)
        before = scrape(machine.settings)
        supervised = machine.processes()
        os.kill(supervised["worker-01"].pid, signal.SIGKILL)
        eventually(
            "its successor tells",
            lambda: scrape(machine.settings).sum("login_process_starts_total", process="worker-01") == 2,
        )
        after = scrape(machine.settings)
        files = {path.name for path in (Path(machine.settings.run_directory) / "metrics").iterdir()}

        assert before.sum("login_records_consumed_total", process="worker-01") > 0
        assert after.sum("login_records_consumed_total", process="worker-01") == 0
        assert after.sum("login_records_consumed_total", process="worker-00") > 0
        assert files >= {f"{name}.json" for name in supervised}
        assert {name.removesuffix(".json").removesuffix(".new") for name in files} == set(supervised)
        running = [
            labels["process"] for labels, on in after.all("login_supervised_process_state", state="running") if on
        ]
        assert set(running) | {"worker-01"} == set(supervised)
        assert after.sum("login_process_resident_memory_bytes", process="worker-00") > 10_000_000
        assert after.sum("login_system_up") == 3

        machine.control("stop", "worker:worker-01")
        eventually(
            "it is gone", lambda: not scrape(machine.settings).all("login_records_consumed_total", process="worker-01")
        )


def test_a_hostile_scraper_keeps_nobody_from_scraping_and_no_login_from_being_processed(
    quick: Settings, tmp_path: Path
) -> None:
    account = Account(quick, seed=4)
    address = ("127.0.0.1", quick.exporter.port)
    with pool(quick, tmp_path, 1) as running, ExitStack() as hostile:
        exporter = running.start("exporter")
        scrape(quick)
        for request in (
            b"",
            b"GET",
            b"\x00\xff" * 1000,
            b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 100_000,
            b"PUT / HTTP/9\r\n\r\n",
        ):
            for _ in range(20):
                connection = hostile.enter_context(closing(socket.create_connection(address, 5)))
                connection.setblocking(False)
                try:
                    connection.send(request)
                except OSError:
                    continue
        account.feed(1000)
        at_rest(quick)
        account.check()
        threads = len(list(Path(f"/proc/{exporter.pid}/task").iterdir()))
        assert get(quick, "/nowhere")[0] == 404
        assert exporter.poll() is None
    assert threads < 100


def test_readiness_says_which_worker_does_not_get_on_and_why(quick: Settings, tmp_path: Path) -> None:
    with pool(quick, tmp_path, 1) as running:
        running.start("exporter")
        eventually("it is ready", lambda: get(quick, "/readyz")[0] == 200)
        running.send("worker-00", signal.SIGSTOP)

        status, said = eventually("it is not", lambda: (found := get(quick, "/readyz"))[0] == 503 and found)
        alive = get(quick, "/healthz")

    assert said.startswith("worker-00 has said nothing for ")
    assert (status, alive) == (503, (200, "alive\n"))


def test_without_redis_what_redis_knows_is_absent_and_the_rest_is_there(
    quick: Settings, tmp_path: Path, redis_server: RedisServer
) -> None:
    with pool(quick, tmp_path, 1) as running:
        running.start("exporter")
        at_rest(quick)
        redis_server.kill9()

        eventually("it is missed", lambda: not scrape(quick).sum("login_system_up", system="redis"))
        found = eventually("counts are", lambda: not (s := scrape(quick)).all("login_shard_users") and s)

    assert found.sum("login_system_up", system="kafka") == 1
    assert found.all("login_partition_end_offset")


def test_a_lag_of_transaction_markers_alone_is_no_time_and_one_of_logins_is(quick: Settings, tmp_path: Path) -> None:
    with pool(quick, tmp_path, 1) as running:
        running.start("exporter")
        at_rest(quick)
        writer = Producer({**quick.kafka.client, "transactional.id": quick.host})
        writer.init_transactions(10)
        writer.begin_transaction()
        writer.produce(quick.topics.input, b'{"user_id":"someone"}', b"someone", 0)
        writer.commit_transaction(10)
        marker = eventually(
            "the marker lies ahead",
            lambda: (s := scrape(quick)).sum("login_partition_lag_records", partition="0") == 3 and s,
        )
        quiet = eventually(
            "it is no time", lambda: not (s := scrape(quick)).sum("login_partition_lag_seconds", partition="0") and s
        )
        running.kill("worker-00")
        Account(quick, seed=5).feed(1, malformed=0, partition=1)
        late = eventually(
            "that is",
            lambda: (
                (s := scrape(quick)).sum("login_partition_lag_seconds", partition="1", position="committed") > 2 and s
            ),
        )

    assert marker.sum("login_partition_lag_records", partition="0", position="committed") == 1
    assert quiet.sum("login_partition_lag_records", partition="0", position="committed") == 1
    assert late.sum("login_partition_lag_seconds", partition="0") == 0
