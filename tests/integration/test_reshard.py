"""`data-processor restore --shards` on real pools: exact before and after, and killed anywhere one of both works."""

import signal
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from processor.audit.findings import Verdict
from processor.kafka import offsets
from processor.kafka.cluster import Cluster
from processor.settings import Settings
from tests import command, stack
from tests.audited import audited
from tests.handwork import Handwork
from tests.pool import Account, Pool, eventually, pool, redis_counts
from tests.stack import RedisServer

SEED = 20_261_122

BEFORE_THE_SWITCH = [
    "restore.after-fence",
    "reshard.after-level",
    "reshard.after-publish",
    "restore.after-begin",
    "restore.after-chunk",
    "restore.before-proof",
    "reshard.before-switch",
    "flusher.after-offsets",
]
AFTER_THE_SWITCH = ["restore.after-proof", "restore.after-finish", "restore.after-finish:2", "reshard.after-retire"]


@pytest.fixture
def quick(quick: Settings) -> Settings:
    """Workers that leave the group as soon after their end as brokers allow."""
    consumer = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 2000}
    return replace(quick, kafka=replace(quick.kafka, consumer={**quick.kafka.consumer, **consumer}))


def divided(settings: Settings, shards: int) -> Settings:
    """The same pool with so many shards, under another prefix."""
    return replace(settings, redis=replace(settings.redis, shards=shards, prefix=f"{settings.redis.prefix}-{shards}"))


def options(target: Settings) -> list[str]:
    return ["--yes", "--shards", str(target.redis.shards), "--to-prefix", target.redis.prefix]


def reshard(settings: Settings, target: Settings, folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return command.run(settings, folder, "restore", *options(target), *arguments)


def killed(settings: Settings, target: Settings, folder: Path, point: str) -> int:
    environment = stack.environment(settings, folder) | {"DATA_PROCESSOR_CRASH_AT": point}
    asked = [*command.PROGRAM, "restore", *options(target)]
    done = subprocess.run(asked, cwd=stack.ROOT, env=environment, capture_output=True, check=False, timeout=300)
    return done.returncode


def stopped(running: Pool) -> None:
    for name in list(running.running):
        assert running.stop(name) == 0


def clean(settings: Settings, folder: Path) -> None:
    done = command.run(settings, folder, "audit", "--full")
    assert done.returncode == 0, done.stdout + done.stderr


def watch(account: Account, settings: Settings) -> None:
    """From now on the account is held against these settings."""
    account.settings = settings


def worked(account: Account, settings: Settings, folder: Path, logins: int = 300) -> None:
    """A pool with these settings processes, counts and publishes exactly, and an audit finds nothing."""
    watch(account, settings)
    with pool(settings, folder, workers=1) as running:
        account.feed(logins)
        eventually("all is done", lambda: running.revive() or account.settled())
        account.check()
        clean(settings, folder)
        stopped(running)


def keys(settings: Settings, server: RedisServer) -> set[str]:
    with server.client() as client:
        return set(client.scan_iter(f"{{{settings.redis.prefix}:*}}:*"))


def test_counts_divided_into_four_and_into_two_again_are_exact_each_time(
    quick: Settings, redis_server: RedisServer, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    four, two = divided(quick, 4), divided(quick, 2)
    worked(account, quick, tmp_path)
    account.feed(200)  # what nobody has taken yet

    done = reshard(quick, four, tmp_path)
    assert done.returncode == 0, done.stderr
    assert f'redis.prefix = "{four.redis.prefix}" and redis.shards = 4' in done.stdout
    assert keys(quick, redis_server)
    worked(account, four, tmp_path)

    done = reshard(four, two, tmp_path, "--drop-old")
    assert done.returncode == 0, done.stderr
    assert keys(four, redis_server) == {f"{{{four.redis.prefix}:{shard}}}:cursors" for shard in range(4)}
    worked(account, two, tmp_path)


def test_a_baseline_of_a_pool_at_rest_goes_on_with_the_new_shards(quick: Settings, tmp_path: Path) -> None:
    account, two, three = Account(quick, SEED), divided(quick, 2), divided(quick, 3)
    worked(account, quick, tmp_path)
    for before, after in ((quick, two), (two, three)):
        assert audited(before).findings.verdict is Verdict.CLEAN
        done = reshard(before, after, tmp_path)
        assert done.returncode == 0, done.stderr
        assert "baseline" not in done.stdout
        report = audited(after)
        assert (report.findings.verdict, report.since) == (Verdict.CLEAN, "baseline")
        worked(account, after, tmp_path)
        report = audited(after)
        assert (report.findings.verdict, report.since) == (Verdict.CLEAN, "baseline")


def test_the_other_tools_stay_right_after_the_division(quick: Settings, tmp_path: Path) -> None:
    before, target = Handwork(quick), divided(quick, 3)
    before.begin()
    before.feed()
    before.work()
    assert reshard(quick, target, tmp_path).returncode == 0  # it publishes what nobody has
    assert "published from 3 shards" in command.run(quick, tmp_path, "status").stdout

    after = Handwork(target)
    assert audited(target).findings.verdict is Verdict.CLEAN
    after.feed()
    after.work()
    after.publish()
    assert audited(target).findings.verdict is Verdict.CLEAN
    explained = command.run(target, tmp_path, "explain", "user-0")
    assert explained.returncode == 0, explained.stdout
    assert "The log has 16 logins of user-0." in explained.stdout
    assert "published from" not in command.run(target, tmp_path, "status").stdout

    done = command.run(target, tmp_path, "reset", "--yes")
    assert done.returncode == 0, done.stderr
    after.work()
    after.publish()
    assert audited(target).findings.verdict is Verdict.CLEAN


def test_the_old_settings_are_refused_after_the_switch_with_a_line_that_names_the_new_ones(
    quick: Settings, tmp_path: Path
) -> None:
    account, target = Account(quick, SEED), divided(quick, 2)
    worked(account, quick, tmp_path)
    assert reshard(quick, target, tmp_path).returncode == 0

    with pool(quick, tmp_path, workers=1) as running:
        for name in ("worker-00", "flusher"):
            assert running.running.pop(name).wait(300) == 5, running.log(name).read_text()[-2000:]
        last = running.log("worker-00").read_text().splitlines()[-1]
        assert f"moved to redis.prefix={target.redis.prefix} redis.shards=2" in last
    done = command.run(quick, tmp_path, "audit")
    assert done.returncode == 5
    assert "moved to" in command.only_line(done.stderr)
    worked(account, target, tmp_path)


def test_a_flusher_with_the_new_settings_refuses_before_the_switch(quick: Settings, tmp_path: Path) -> None:
    account, target = Account(quick, SEED), divided(quick, 2)
    worked(account, quick, tmp_path)

    with pool(target, tmp_path, workers=0) as running:
        assert running.running.pop("flusher").wait(300) == 5
        assert "was published from 1 shards, but redis.shards is 2" in running.log("flusher").read_text()
    worked(account, quick, tmp_path)


def test_shards_that_stand_at_different_offsets_are_levelled_first(quick: Settings, tmp_path: Path) -> None:
    three, two = divided(quick, 3), divided(quick, 2)
    account = Account(three, SEED)
    with pool(three, tmp_path, workers=1) as running:
        account.feed(500)
        account.check()
        assert running.stop("flusher") == 0
        account.feed(500)
        eventually("it is counted", lambda: redis_counts(three) == account.users)
        stopped(running)
    hand = Handwork(three)
    name = f"{{{three.redis.prefix}:1}}"
    hand.redis.call("losing a shard", "DEL", *[f"{name}:{key}" for key in ("counts", "cursors", "changed")])
    account.feed(200)

    done = reshard(three, two, tmp_path)

    assert done.returncode == 0, done.stderr
    (first, *others) = offsets.checkpoint(two, Cluster(two)).shards
    assert others == [first]
    assert audited(two, full=True).findings.verdict is Verdict.CLEAN
    worked(account, two, tmp_path)


def test_a_living_pool_is_not_divided_and_goes_on_exactly(quick: Settings, tmp_path: Path) -> None:
    account, target = Account(quick, SEED), divided(quick, 2)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(300)
        account.check()
        done = reshard(quick, target, tmp_path)
        assert done.returncode == 5
        assert "the pool is alive: the flusher" in done.stderr.splitlines()[-1]
        assert set(running.starts.values()) == {1}
        account.feed(100)
        account.check()
        stopped(running)


def test_a_prefix_that_has_counts_is_not_overwritten(quick: Settings, tmp_path: Path) -> None:
    account, target = Account(quick, SEED), divided(quick, 2)
    Handwork(target).begin()
    worked(account, quick, tmp_path)

    done = reshard(quick, target, tmp_path)

    assert done.returncode == 5
    assert f"the prefix {target.redis.prefix} has counts already" in done.stderr
    worked(account, quick, tmp_path)


def test_counts_may_move_back_to_where_they_came_from(quick: Settings, tmp_path: Path) -> None:
    account, target = Account(quick, SEED), divided(quick, 2)
    worked(account, quick, tmp_path)
    assert reshard(quick, target, tmp_path).returncode == 0
    worked(account, target, tmp_path)

    done = reshard(target, quick, tmp_path)

    assert done.returncode == 0, done.stderr
    worked(account, quick, tmp_path)


@pytest.mark.parametrize("point", BEFORE_THE_SWITCH)
@pytest.mark.parametrize("again", [True, False])
def test_killed_before_the_switch_the_old_settings_work_and_the_command_can_be_repeated(
    point: str, again: bool, quick: Settings, tmp_path: Path
) -> None:
    account, target = Account(quick, SEED), divided(quick, 2)
    worked(account, quick, tmp_path)
    assert killed(quick, target, tmp_path, point) == -signal.SIGKILL
    if again:
        done = reshard(quick, target, tmp_path)
        assert done.returncode == 0, done.stderr
    worked(account, target if again else quick, tmp_path)


@pytest.mark.parametrize("point", AFTER_THE_SWITCH)
@pytest.mark.parametrize("again", [True, False])
def test_killed_after_the_switch_the_new_settings_work_and_the_command_can_be_repeated(
    point: str, again: bool, quick: Settings, tmp_path: Path
) -> None:
    account, target = Account(quick, SEED), divided(quick, 2)
    worked(account, quick, tmp_path)
    assert killed(quick, target, tmp_path, point) == -signal.SIGKILL
    with pool(quick, tmp_path, workers=0) as running:  # nobody goes on publishing with the old ones
        assert running.running.pop("flusher").wait(300) == 5
    if again:
        done = reshard(quick, target, tmp_path)
        assert done.returncode == 0, done.stderr
    worked(account, target, tmp_path)


def test_a_pool_that_has_published_nothing_yet_is_divided_too(quick: Settings, tmp_path: Path) -> None:
    account, target = Account(quick, SEED), divided(quick, 2)
    done = reshard(quick, target, tmp_path)
    assert done.returncode == 0, done.stderr
    worked(account, target, tmp_path)


@pytest.mark.parametrize(("shards", "prefix", "code"), [("129", "x", 2), ("2", "{x}", 2), ("1", "x", 5)])
def test_what_can_not_be_set_is_refused_in_one_line(
    shards: str, prefix: str, code: int, quick: Settings, tmp_path: Path
) -> None:
    done = command.run(quick, tmp_path, "restore", "--yes", "--shards", shards, "--to-prefix", prefix)
    assert done.returncode == code
    command.only_line(done.stderr)
