"""The breaker of a real pool: garbage stops its partition and nothing else, and all is exact when it goes on."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from processor.counts.connection import connect
from processor.counts.stopped import Notices
from processor.errors import Exit
from processor.settings import Settings
from tests.command import only_line, run
from tests.pool import Account, Pool, bounds, eventually, offsets, pool, read
from tests.stack import RedisServer

ALLOWED = 45
BAD = 1  # the partition that gets the garbage


@pytest.fixture
def strict(quick: Settings) -> Settings:
    """Settings with a breaker that needs little to stop."""
    return structs.replace(quick, worker=structs.replace(quick.worker, breaker_records=50, breaker_share=0.9))


def status(settings: Settings, folder: Path) -> dict[str, Any]:
    done = run(settings, folder, "status", "--json")
    said: dict[str, Any] = json.loads(done.stdout)
    return {**said, "code": done.returncode, "what": [problem["what"] for problem in said["problems"]]}


def stopped(settings: Settings) -> set[int]:
    """The partitions of which everyone can see that they are."""
    return set(Notices(connect(settings.redis, "test"), settings.redis.prefix).read())


def shared(settings: Settings, folder: Path) -> bool:
    """Whether both workers have partitions: a new owner begins afresh."""
    return {row["slot"] for row in status(settings, folder)["partitions"]} == {0, 1}


def others_done(settings: Settings) -> bool:
    committed = offsets(settings, settings.group)
    ends = {p: end for p, (_, end) in bounds(settings, settings.topics.input).items() if end and p != BAD}
    return all(committed.get(p) == end for p, end in ends.items())


def test_garbage_stops_its_partition_alone_until_resume_and_everything_is_exact(
    strict: Settings, tmp_path: Path
) -> None:
    account = Account(strict, seed=1)
    account.feed(400)
    with pool(strict, tmp_path) as running:
        eventually("all is done, by both", lambda: account.settled() and shared(strict, tmp_path))
        before = len(read(strict, strict.topics.dead_letters))
        account.feed(3_000, malformed=1.0, partition=BAD)
        account.feed(400, malformed=0.0)
        eventually("it is stopped", lambda: stopped(strict) == {BAD})
        eventually("the others go on", lambda: others_done(strict))

        seen = status(strict, tmp_path)
        assert (seen["code"], seen["what"]) == (Exit.DIFFERENCE, [f"stopped: partition {BAD}"])
        (notice,) = seen["stopped"]
        assert notice["stopped"]["rejected"] == ALLOWED + 1
        assert notice["worker"].startswith(strict.host)
        assert len(read(strict, strict.topics.dead_letters)) - before <= ALLOWED
        assert "standing still" not in str(seen["what"])

        resumed = run(strict, tmp_path, "resume", str(BAD))

        assert (resumed.returncode, resumed.stderr) == (Exit.OK, "")
        assert only_line(resumed.stdout).startswith(f"Partition {BAD} goes on at offset {notice['stopped']['offset']}")
        account.check()
        eventually("healthy", lambda: status(strict, tmp_path)["code"] == Exit.OK)
        assert set(running.starts.values()) == {1}
        assert log_lines(running, f"partition {BAD} is stopped: ") == 1


def log_lines(running: Pool, words: str) -> int:
    return sum(running.log(name).read_text().count(words) for name in running.running)


def test_a_restart_goes_on_too_and_takes_the_notice_away(strict: Settings, tmp_path: Path) -> None:
    account = Account(strict, seed=2)
    account.feed(ALLOWED + 20, malformed=1.0, partition=BAD)
    account.feed(200, malformed=0.0)
    with pool(strict, tmp_path, workers=1) as running:
        eventually("it is stopped", lambda: stopped(strict) == {BAD})
        eventually("the others go on", lambda: others_done(strict))

        running.stop("worker-00")
        running.start("worker-00")

        account.check()
        eventually("the notice is gone", lambda: stopped(strict) == set())


def test_it_stops_while_redis_does_not_answer_and_tells_when_it_does(
    strict: Settings, tmp_path: Path, redis_server: RedisServer
) -> None:
    account = Account(strict, seed=3)
    account.feed(200, malformed=0.0)
    with pool(strict, tmp_path):
        eventually("all is done, by both", lambda: account.settled() and shared(strict, tmp_path))
        redis_server.pause()
        account.feed(2_000, malformed=1.0, partition=BAD)
        account.feed(200, malformed=0.0)
        eventually("the others go on", lambda: others_done(strict))
        eventually("some of it went out", lambda: len(read(strict, strict.topics.dead_letters)) == ALLOWED)
        redis_server.resume()

        eventually("it is stopped", lambda: stopped(strict) == {BAD})
        redis_server.flushall()
        eventually("it is still stopped, and said so again", lambda: stopped(strict) == {BAD})
        assert len(read(strict, strict.topics.dead_letters)) == ALLOWED
        run(strict, tmp_path, "resume", "--all")

        account.check()


def test_through_kill_9_and_rebalances_everything_stays_exact(strict: Settings, tmp_path: Path) -> None:
    account = Account(strict, seed=4)
    with pool(strict, tmp_path) as running:
        for round_ in range(6):
            account.feed(300, malformed=1.0, partition=account.random.randrange(4))
            account.feed(300, malformed=0.5)
            eventually("something is stopped", lambda: stopped(strict))
            victim = account.random.choice(["worker-00", "worker-01", "flusher"])
            running.kill(victim)
            if round_ % 2:
                run(strict, tmp_path, "resume", "--all")
            running.revive()
            if round_ == 3:
                running.start("worker-02")  # a rebalance

        def goes_on() -> bool:
            run(strict, tmp_path, "resume", "--all")
            return account.settled()

        eventually("all is done", goes_on)
        account.check()


def test_what_is_not_stopped_can_not_be_resumed(strict: Settings, tmp_path: Path) -> None:
    done = run(strict, tmp_path, "resume", "3")
    assert (done.returncode, only_line(done.stdout)) == (Exit.DIFFERENCE, "Partition 3 is not stopped.")

    done = run(strict, tmp_path, "resume", "--all")
    assert (done.returncode, only_line(done.stdout)) == (Exit.OK, "No partition is stopped.")


@pytest.mark.parametrize("arguments", [(), ("1", "--all"), ("one",), ("-1",), ("1.5",)])
def test_arguments_that_say_nothing_are_refused(arguments: tuple[str, ...], strict: Settings, tmp_path: Path) -> None:
    done = run(strict, tmp_path, "resume", *arguments)

    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert "Error: " in done.stderr or "No such option" in done.stderr
