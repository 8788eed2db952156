"""`data-processor restore` on real pools: damaged counts made whole, beside a pool at work or without one."""

import json
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from msgspec.structs import replace

from processor.audit.findings import Verdict
from processor.settings import Settings
from tests import command, stack
from tests.audited import audited
from tests.pool import Account, Pool, bounds, eventually, pool, redis_counts
from tests.stack import RedisServer

SEED = random.SystemRandom().randrange(2**32)

POINTS = [
    "restore.after-fence",
    "restore.after-empty",
    "restore.after-begin",
    "restore.after-chunk",
    "restore.before-proof",
    "restore.after-proof",
    "restore.after-finish",
]


@pytest.fixture
def quick(quick: Settings) -> Settings:
    """Two shards, and workers that leave the group as soon after their end as brokers allow."""
    consumer = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 2000}
    kafka = replace(quick.kafka, consumer={**quick.kafka.consumer, **consumer})
    return replace(quick, kafka=kafka, redis=replace(quick.redis, shards=2))


def key(settings: Settings, shard: int, name: str) -> str:
    return f"{{{settings.redis.prefix}:{shard}}}:{name}"


def lose_a_user(settings: Settings, server: RedisServer) -> None:
    with server.client() as client:
        users = client.hkeys(key(settings, 0, "counts"))
        client.hdel(key(settings, 0, "counts"), users[0])


def lose_all_counts(settings: Settings, server: RedisServer) -> None:
    with server.client() as client:
        client.delete(key(settings, 0, "counts"))


def lose_a_cursor(settings: Settings, server: RedisServer) -> None:
    with server.client() as client:
        client.hset(key(settings, 0, "cursors"), "0", "nowhere")


def lose_a_shard(settings: Settings, server: RedisServer) -> None:
    with server.client() as client:
        client.delete(*client.keys(f"{{{settings.redis.prefix}:0}}:*"))


def miscount(settings: Settings, server: RedisServer) -> None:
    """Nobody notices but an audit."""
    with server.client() as client:
        user = client.hkeys(key(settings, 0, "counts"))[0]
        client.hincrby(key(settings, 0, "counts"), user, 5)


DAMAGES = [lose_a_user, lose_all_counts, lose_a_cursor, lose_a_shard]

Damage = Callable[[Settings, RedisServer], None]


def restore(settings: Settings, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return command.run(settings, folder, "restore", "--yes", *arguments)


def killed(settings: Settings, folder: Path, point: str, *arguments: str) -> int:
    environment = stack.environment(settings, folder) | {"DATA_PROCESSOR_CRASH_AT": point}
    asked = [*command.PROGRAM, "restore", "--yes", *arguments]
    done = subprocess.run(asked, cwd=stack.ROOT, env=environment, capture_output=True, check=False, timeout=300)
    return done.returncode


def stopped(running: Pool) -> None:
    for name in list(running.running):
        assert running.stop(name) == 0


def started(running: Pool) -> None:
    for name in ("worker-00", "flusher"):
        running.start(name)


def checked(account: Account, running: Pool, audit: Verdict = Verdict.CLEAN) -> None:
    """All is exact, with whatever died started again, as supervisord does."""
    eventually("all is done", lambda: running.revive() or account.settled())
    account.check(audit=audit)


def clean(settings: Settings) -> None:
    found = audited(settings, full=True).findings
    assert found.verdict is Verdict.CLEAN, (found.shown, found.reasons)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_counts_are_exact_after_a_restore(
    damage: Damage, quick: Settings, redis_server: RedisServer, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(600)
        checked(account, running)
        stopped(running)
        account.feed(200)
        damage(quick, redis_server)
        done = restore(quick, tmp_path)
        assert done.returncode == 0, done.stderr
        started(running)
        checked(account, running)
        clean(quick)


def test_a_wrong_count_that_only_an_audit_finds_is_right_after_its_shard_was_rebuilt(
    quick: Settings, redis_server: RedisServer, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(600)
        checked(account, running)
        stopped(running)
        miscount(quick, redis_server)
        assert audited(quick, full=True).findings.totals["count-wrong"] == 1
        done = restore(quick, tmp_path)
        assert "Nothing is to be done" in done.stdout
        assert restore(quick, tmp_path, "--rebuild", "0").returncode == 0
        clean(quick)
        started(running)
        checked(account, running)


def test_a_living_pool_is_left_alone_unless_told(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(600)
        checked(account, running)
        done = restore(quick, tmp_path, "--rebuild", "0")
        assert done.returncode == 5
        assert "the pool is alive: the flusher" in done.stderr.splitlines()[-1]
        assert running.stop("flusher") == 0
        done = restore(quick, tmp_path, "--rebuild", "1")
        assert done.returncode == 5
        assert f"group {quick.group} has the members" in done.stderr.splitlines()[-1]
        assert set(running.starts.values()) == {1}

        running.start("flusher")
        account.feed(200)
        account.check()
        clean(quick)


@pytest.mark.parametrize("flusher", [True, False])
def test_told_so_a_shard_is_rebuilt_beside_a_pool_at_work(flusher: bool, quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=2) as running:
        account.feed(600)
        checked(account, running)
        if not flusher:
            assert running.stop("flusher") == 0
        for shard in ("0", "1"):
            account.feed(200)
            done = restore(quick, tmp_path, "--live", "--rebuild", shard)
            assert done.returncode == 0, done.stderr
            account.feed(200)
        if not flusher:
            running.start("flusher")
        account.check()
        assert set(running.starts.values()) == {1} if flusher else True
        clean(quick)


def test_a_damaged_shard_that_ends_the_processes_is_cured_beside_them(
    quick: Settings, redis_server: RedisServer, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(600)
        checked(account, running)
        lose_all_counts(quick, redis_server)
        account.feed(100)
        worker = running.running.pop("worker-00")
        assert worker.wait(300) == 5
        assert "data-processor restore --rebuild 0" in running.log("worker-00").read_text().splitlines()[-1]
        done = restore(quick, tmp_path, "--live")
        assert done.returncode == 0, done.stderr
        running.start("worker-00")
        checked(account, running)
        clean(quick)


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_the_pool_goes_on_exactly_with_or_without_another_restore(
    point: str, quick: Settings, redis_server: RedisServer, tmp_path: Path
) -> None:
    account, arguments = Account(quick, SEED), ("--rebuild", "0", "--rebuild", "1")
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(600)
        checked(account, running)
        for again in (True, False):
            stopped(running)
            account.feed(100)
            miscount(quick, redis_server)
            eventually("it was killed", lambda: killed(quick, tmp_path, point, *arguments) == -signal.SIGKILL)
            if again or point == "restore.after-fence":  # before that, nothing was changed
                done = restore(quick, tmp_path, "--rebuild", "0")
                assert done.returncode == 0, done.stderr
            started(running)
            checked(account, running)
        clean(quick)


def test_a_flusher_that_died_in_the_middle_of_a_transaction_is_not_waited_for(
    quick: Settings, redis_server: RedisServer, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(300)
        checked(account, running)
        assert running.stop("flusher") == 0
        account.feed(300)
        dead = running.start("flusher", crash_at="flusher.after-offsets")
        assert dead.wait(300) == -signal.SIGKILL
        running.running.pop("flusher")
        stopped(running)
        lose_a_user(quick, redis_server)
        done = restore(quick, tmp_path)
        assert done.returncode == 0, done.stderr
        started(running)
        checked(account, running)
        clean(quick)


def test_what_retention_deleted_since_the_checkpoint_is_no_reason_to_lose_more(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(300)
        checked(account, running)
        assert running.stop("flusher") == 0
        account.feed(300)
        eventually("it is counted", lambda: redis_counts(quick) == account.users)
        stopped(running)
        ends = {p: end for p, (_, end) in bounds(quick, quick.topics.input).items()}
        admin = AdminClient({"bootstrap.servers": quick.kafka.client["bootstrap.servers"]})
        deleted = [TopicPartition(quick.topics.input, p, end) for p, end in ends.items()]
        for answer in admin.delete_records(deleted).values():
            answer.result(30)
        done = restore(quick, tmp_path, "--rebuild", "0")
        assert done.returncode == 5
        assert "retention deleted the log below" in command.only_line(done.stderr)
        started(running)
        checked(account, running, audit=Verdict.UNKNOWN)


def test_a_dry_run_shows_what_stands_and_changes_nothing(
    quick: Settings, redis_server: RedisServer, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(300)
        checked(account, running)
        stopped(running)
        lose_a_user(quick, redis_server)
        before = redis_counts(quick)
        shown = json.loads(command.run(quick, tmp_path, "restore", "--dry-run", "--json").stdout)
        assert [each["rebuild"] for each in shown["shards"]] == [True, False]
        assert "users" in shown["shards"][0]["damage"]
        assert sum(each["published"] for each in shown["shards"]) == len(account.users)
        assert "fill anew" in command.run(quick, tmp_path, "restore", "--dry-run").stdout
        done = command.run(quick, tmp_path, "restore", given=b"n\n")
        assert (done.returncode, done.stderr.endswith("nothing was changed\n")) == (5, True)
        assert redis_counts(quick) == before


@pytest.mark.parametrize(
    "arguments",
    [("--shards", "2"), ("--to-prefix", "x"), ("--drop-old",), ("--shards", "2", "--to-prefix", "x", "--live")],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: tuple[str, ...], quick: Settings, tmp_path: Path
) -> None:
    done = restore(quick, tmp_path, *arguments)
    assert done.returncode == 2
    command.only_line(done.stderr)
    assert restore(quick, tmp_path, "--rebuild", "7").returncode == 2
