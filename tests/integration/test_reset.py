"""Reset on a real Kafka and Redis: refused beside a living pool, exact after it, and killed anywhere without harm."""

import json
import random
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from msgspec.structs import replace

from processor.audit.baseline import path_of
from processor.audit.findings import Verdict
from processor.settings import Settings
from tests import command, stack
from tests.audited import audited
from tests.handwork import Handwork
from tests.pool import Account, Pool, eventually, offsets, pool, read, redis_counts

SEED = random.SystemRandom().randrange(2**32)

POINTS = ["reset.after-mark", "reset.before-commit", "reset.after-commit", "reset.after-shard"]


@pytest.fixture
def quick(quick: Settings) -> Settings:
    """Two shards, and workers that leave the group as soon after their end as brokers allow."""
    consumer = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 2000}
    kafka = replace(quick.kafka, consumer={**quick.kafka.consumer, **consumer})
    return replace(quick, kafka=kafka, redis=replace(quick.redis, shards=2))


def logins_of(account: Account) -> int:
    return account.logins.total()


def stopped(running: Pool) -> None:
    """Stop all, and wait until the group knows: a static member stays for its session timeout."""
    for name in list(running.running):
        assert running.stop(name) == 0


def reset(settings: Settings, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return command.run(settings, folder, "reset", "--yes", *arguments)


def elsewhere(settings: Settings, folder: Path) -> Settings:
    """The same pool as seen from another host: without this one's baseline."""
    return replace(settings, run_directory=str(folder / "elsewhere"))


def clean(settings: Settings, folder: Path) -> None:
    for each in (settings, elsewhere(settings, folder)):
        found = audited(each).findings
        assert found.verdict is Verdict.CLEAN, (found.shown, found.reasons)
        assert audited(each, full=True).findings.verdict is Verdict.CLEAN


def test_a_living_pool_is_not_reset_and_goes_on_exactly(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(500)
        account.check()
        done = reset(quick, tmp_path)
        assert done.returncode == 5
        assert "the pool is alive: the flusher" in done.stderr.splitlines()[-1]

        assert running.stop("flusher") == 0
        done = reset(quick, tmp_path)
        assert done.returncode == 5
        assert f"group {quick.group} has the members {quick.host}-worker-00@" in done.stderr.splitlines()[-1]

        running.start("flusher")
        account.feed(500)
        account.check()
        assert audited(quick).findings.verdict is Verdict.CLEAN


def test_a_dry_run_shows_everything_and_changes_nothing(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(500)
        account.check()
        assert audited(quick).findings.verdict is Verdict.CLEAN
        shown = command.run(quick, tmp_path, "reset", "--dry-run", "--to", "latest")
        plan = json.loads(command.run(quick, tmp_path, "reset", "--dry-run", "--json").stdout)
        assert shown.returncode == 0
        assert "Now it would be refused: group" in shown.stdout
        assert f"Counts of {len(account.users)} users in Redis will be deleted" in shown.stdout
        assert plan["starts"] == {str(p): 0 for p in range(4)}
        assert plan["committed"] == {str(p): at for p, at in offsets(quick, quick.group).items()}
        assert (plan["users"], plan["published"]) == (len(account.users), len(account.users))
        assert path_of(quick).exists()
        assert set(running.starts.values()) == {1}
        account.check()


@pytest.mark.parametrize("given", [b"n\n", b""], ids=["no", "nobody answers"])
def test_without_a_yes_nothing_is_changed(given: bytes, quick: Settings, tmp_path: Path) -> None:
    Handwork(quick).begin()
    done = command.run(quick, tmp_path, "reset", given=given)
    assert done.returncode == 5
    assert done.stderr.endswith("nothing was changed\n")


def test_everything_is_processed_and_counted_again_from_the_first_record(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(800, malformed=0.05)
        account.check()
        assert audited(quick).findings.verdict is Verdict.CLEAN
        stopped(running)
        done = reset(quick, tmp_path)
        assert done.returncode == 0, done.stderr
        assert not path_of(quick).exists()
        assert redis_counts(quick) == {}

        running.start("worker-00")
        running.start("flusher")
        account.feed(200)
        eventually("all of it is done again", account.settled)
        assert redis_counts(quick) == account.users
        processed = Counter(json.loads(value or b"")["device_id"] for _, value in read(quick, quick.topics.processed))
        assert set(processed.values()) == {1, 2}
        assert processed.total() == 2 * logins_of(account) - 200 + account_malformed_since(account, quick)
        clean(quick, tmp_path)


def account_malformed_since(account: Account, settings: Settings) -> int:
    """How many of the last records were none: they are in the dead letters once, the older ones twice."""
    letters = len(read(settings, settings.topics.dead_letters))
    return 2 * account.malformed - letters


@pytest.mark.parametrize("to", ["latest", "offsets"])
def test_counting_begins_at_the_chosen_offsets(to: str, quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(800, malformed=0)
        account.check()
        stopped(running)
        ends = offsets(quick, quick.group)
        skipped = 0 if to == "latest" else 5
        starts = {p: end - skipped for p, end in ends.items()}
        if to == "latest":
            done = reset(quick, tmp_path, "--to", "latest")
        else:
            (tmp_path / "offsets.json").write_text(json.dumps({str(p): at for p, at in starts.items()}))
            done = reset(quick, tmp_path, "--to-offsets", str(tmp_path / "offsets.json"))
        assert done.returncode == 0, done.stderr
        assert offsets(quick, quick.group) == starts

        running.start("worker-00")
        running.start("flusher")
        account.feed(300, malformed=0)
        eventually("the new ones are done", account.settled)
        assert sum(redis_counts(quick).values()) == 300 + 4 * skipped
        clean(quick, tmp_path)


def test_offsets_that_are_not_in_the_log_are_refused(quick: Settings, tmp_path: Path) -> None:
    Handwork(quick).begin()
    for given, code in (('{"0": 1, "1": 0, "2": 0, "3": 0}', 5), ('{"0": 0}', 5), ('{"0": "x"}', 2), ("none.json", 2)):
        done = reset(quick, tmp_path, "--to-offsets", given)
        assert (done.returncode, len(done.stderr.splitlines())) == (code, 1), done.stderr
    assert reset(quick, tmp_path, "--to", "tomorrow").returncode == 2


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_a_pool_started_then_refuses_and_another_reset_completes_it(
    point: str, quick: Settings, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(500)
        account.check()
        stopped(running)
        eventually("the worker has left the group", lambda: _killed(quick, tmp_path, point) == -signal.SIGKILL)

        running.start("worker-00")
        running.start("flusher")
        for name in ("worker-00", "flusher"):
            process = running.running.pop(name)
            assert process.wait(300) == 5, running.log(name).read_text()[-2000:]
            assert "not finished" in running.log(name).read_text().splitlines()[-1]

        done = reset(quick, tmp_path)
        assert done.returncode == 0, done.stderr
        running.start("worker-00")
        running.start("flusher")
        account.feed(200)
        eventually("all of it is done again", account.settled)
        assert redis_counts(quick) == account.users
        clean(quick, tmp_path)


def _killed(settings: Settings, folder: Path, point: str) -> int:
    environment = stack.environment(settings, folder) | {"DATA_PROCESSOR_CRASH_AT": point}
    arguments = [*command.PROGRAM, "reset", "--yes"]
    done = subprocess.run(arguments, cwd=stack.ROOT, env=environment, capture_output=True, check=False, timeout=300)
    return done.returncode


@pytest.mark.parametrize("point", ["reset.after-mark", "reset.after-commit"])
def test_a_redis_that_is_emptied_in_the_middle_becomes_all_old_or_all_new(
    point: str, quick: Settings, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(500)
        account.check()
        stopped(running)
        eventually("the worker has left the group", lambda: _killed(quick, tmp_path, point) == -signal.SIGKILL)
        hand = Handwork(quick)
        prefix = quick.redis.prefix
        for shard in range(2):
            names = [f"{{{prefix}:{shard}}}:{key}" for key in ("counts", "cursors", "changed")]
            hand.redis.call("emptying", "DEL", *names)

        running.start("worker-00")
        running.start("flusher")
        account.feed(200)
        eventually("it goes on", account.settled)
        assert redis_counts(quick) == account.users
        clean(quick, tmp_path)


def test_a_topic_deleted_and_made_anew_is_exact_after_a_reset(quick: Settings, tmp_path: Path) -> None:
    with pool(quick, tmp_path, workers=1) as running:
        before = Account(quick, SEED)
        before.feed(500, malformed=0.05)
        before.check()
        assert audited(quick).findings.verdict is Verdict.CLEAN
        stopped(running)
        admin = AdminClient({"bootstrap.servers": quick.kafka.client["bootstrap.servers"]})
        for answer in admin.delete_topics([quick.topics.input]).values():
            answer.result(30)
        eventually("it is made anew", lambda: _made(quick, admin))
        done = command.run(quick, tmp_path, "audit")
        assert (done.returncode, len(done.stderr.splitlines())) == (5, 1)

        done = reset(quick, tmp_path)
        assert done.returncode == 0, done.stderr
        after = Account(quick, SEED + 1)
        running.start("worker-00")
        running.start("flusher")
        after.feed(300, malformed=0.05)
        eventually("the new ones are done", after.settled)
        assert redis_counts(quick) == after.users
        latest = {user: n for user, n in published_counts_after(quick).items() if n}
        assert latest == after.users
        clean(quick, tmp_path)


def _made(settings: Settings, admin: AdminClient) -> bool:
    stack.create_topics(settings)
    return settings.topics.input in admin.list_topics(timeout=60).topics


def published_counts_after(settings: Settings) -> dict[str, int]:
    """The latest count of each user, with 0 for one whose count was taken back."""
    latest: dict[str, int] = {}
    for key, value in read(settings, settings.topics.aggregations):
        latest[str(key or b"", "utf-8")] = json.loads(value)["login_count"] if value else 0
    return latest


def test_a_restore_after_a_reset_does_not_bring_the_old_counts_back(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(500)
        account.check()
        stopped(running)
        assert reset(quick, tmp_path, "--to", "latest").returncode == 0
        hand = Handwork(quick)
        for shard in range(2):
            hand.redis.call("emptying", "DEL", f"{{{quick.redis.prefix}:{shard}}}:cursors")
        since = Account(quick, SEED + 1)
        since.feed(100)
        running.start("worker-00")
        running.start("flusher")
        eventually("the new ones are done", since.settled)
        assert redis_counts(quick) == since.users
        clean(quick, tmp_path)


def test_where_the_outputs_begin_is_known_as_long_as_anybody_remembers_it(quick: Settings, tmp_path: Path) -> None:
    hand = Handwork(quick)
    hand.begin()
    hand.feed()
    hand.work()
    assert reset(quick, tmp_path, "--to", "latest").returncode == 0
    hand.feed()
    hand.work()
    hand.publish()
    assert audited(quick).findings.verdict is Verdict.CLEAN

    _forget(hand)
    assert audited(elsewhere(quick, tmp_path)).findings.verdict is Verdict.UNKNOWN
    assert audited(quick).findings.verdict is Verdict.CLEAN  # the baseline remembers, and tells Kafka again
    assert audited(elsewhere(quick, tmp_path)).findings.verdict is Verdict.CLEAN


def _forget(hand: Handwork) -> None:
    """As Kafka does with offsets of a group without members, after a week."""
    for answer in hand.cluster.client.delete_consumer_groups([hand.settings.outputs_group]).values():
        answer.result(60)


def test_a_baseline_of_before_a_reset_is_not_used_after_it(quick: Settings, tmp_path: Path) -> None:
    hand = Handwork(quick)
    hand.begin()
    hand.feed()
    hand.work()
    hand.publish()
    there = elsewhere(quick, tmp_path)
    assert audited(there).findings.verdict is Verdict.CLEAN
    assert audited(there).since == "baseline"
    assert reset(quick, tmp_path).returncode == 0
    hand.work()
    hand.feed()
    hand.work()
    hand.publish()
    report = audited(there)
    assert (report.findings.verdict, report.since) == (Verdict.CLEAN, "origin")
