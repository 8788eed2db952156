"""The invariants of the whole pool on the real Kafka and Redis, with processes killed at every point."""

import random
import signal
import time
from pathlib import Path

import pytest

from processor.settings import Settings
from tests.pool import Account, eventually, offsets, pool

SEED = random.SystemRandom().randrange(2**32)

WORKER_POINTS = [
    "worker.after-poll",
    "worker.after-produce",
    "worker.before-commit",
    "worker.after-commit",
    "worker.before-apply",
    "worker.after-apply",
]


def test_every_login_is_processed_and_counted_once(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path) as running:
        account.feed(20_000)
        account.check()
        assert set(running.starts.values()) == {1}


@pytest.mark.parametrize("point", WORKER_POINTS)
def test_a_worker_killed_at_a_named_point_loses_and_repeats_nothing(
    point: str, quick: Settings, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        account.feed(2_000)
        eventually("the first logins are committed", lambda: sum(offsets(quick, quick.group).values()) == 2_000)
        running.stop("worker-00")
        for _ in range(3):
            doomed = running.start("worker-00", crash_at=f"{point}:2")
            eventually("it died at the point", lambda d=doomed: account.feed(200) or d.poll())
            assert doomed.returncode == -signal.SIGKILL
        running.start("worker-00")
        account.check()


def test_thirty_kills_of_random_processes_lose_and_repeat_nothing(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=3) as running:
        for _ in range(30):
            account.feed(account.random.randrange(500, 3_000))
            running.kill(account.random.choice(sorted(running.running)))
            running.revive()
            time.sleep(account.random.random() / 2)  # a fault's moment, not a wait for anything
        account.check()


def test_a_zombie_that_wakes_up_after_its_partitions_moved_changes_nothing(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=2) as running:
        account.feed(5_000)
        eventually("both workers have started", lambda: "started" in running.log("worker-01").read_text())
        running.send("worker-00", signal.SIGSTOP)
        account.feed(5_000)
        eventually("the other worker took over", account.settled)
        running.send("worker-00", signal.SIGCONT)
        account.feed(5_000)
        eventually("the zombie goes on or ends", lambda: running.revive() or account.settled())
        account.check()


def test_workers_that_come_and_go_lose_and_repeat_nothing(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=1) as running:
        for slot in (1, 2):
            account.feed(3_000)
            running.start(f"worker-{slot:02d}")
        eventually("it works", lambda: "started" in running.log("worker-01").read_text())
        account.feed(3_000)
        assert running.stop("worker-01") == 0
        account.feed(3_000)
        account.check()
