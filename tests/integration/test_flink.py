"""Flink does the pool's work: the same records, dead letters and counts, whatever dies."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from threading import Event

import pytest

from deploy.flink import build
from deploy.flink.cluster import Flink
from deploy.flink.sql import Job
from processor.errors import Exit
from processor.logins.generated import Recipe, records
from processor.settings import Settings
from tests import stack
from tests.flink import assert_same, beside, outcome
from tests.integration.test_hostile_topic import feed
from tests.pool import (
    Account,
    bounds,
    dead_letters,
    eventually,
    offsets,
    pool,
    published_counts,
    read,
    redis_counts,
)
from tests.unit.hostile import CASES

PARITY_LOGINS = int(os.environ.get("PARITY_LOGINS", "20000"))  # by so many the pool and Flink are compared

Record = tuple[bytes | None, bytes | None, object]


@pytest.fixture(scope="module")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flink]:
    directory = tmp_path_factory.mktemp("flink")
    cluster = Flink(directory, build.built(stack.ROOT / ".local"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        for name in ("checkpoints", "savepoints", "tmp"):
            shutil.rmtree(directory / name, ignore_errors=True)


def logins(seed: int, amount: int) -> list[Record]:
    made = (each for block in records(Recipe(seed=seed, malformed=0.01, users=2_000)) for each in block)
    return [(key, value, None) for key, value in islice(made, amount)]


def parts(everything: list[Record]) -> Iterator[list[Record]]:
    """As many at once as a producer's queue takes."""
    return (everything[begin : begin + 50_000] for begin in range(0, len(everything), 50_000))


def hostile(limit: int) -> list[Record]:
    """All hostile values, with and without a key, with headers; and one that fits the input but not the output."""
    values = [value for value, _ in CASES.values() if len(value or b"") < limit]
    records: list[Record] = [(key, value, [("trace", b"\x00"), ("", b"")]) for value in values for key in (b"k", None)]
    random.Random(8).shuffle(records)
    return records


@contextmanager
def arriving(feed_some: Callable[[int], object]) -> Iterator[None]:
    """`feed_some(0)`, `feed_some(1)` and so on, some in each second for as long as the block runs."""
    done = Event()

    def work() -> None:
        for turn in count():
            feed_some(turn)
            if done.wait(0.2):
                return

    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(work)
        try:
            yield
        finally:
            done.set()
        working.result()


def everything_read(settings: Settings, group: str) -> bool:
    ends = {p: end for p, (_, end) in bounds(settings, settings.topics.input).items() if end}
    return offsets(settings, group).items() >= ends.items()


def test_the_pool_and_flink_make_the_same_of_the_same(quick: Settings, tmp_path: Path, flink: Flink) -> None:
    other = beside(quick, "other")
    stack.create_topics(other)
    for some in parts(logins(8, PARITY_LOGINS) + hostile(quick.topics.max_message_bytes)):
        feed(quick, some)
    job = flink.jobs.start(Job(other).text())
    with pool(quick, tmp_path):
        eventually("the pool is done", lambda: everything_read(quick, quick.aggregations_group))
    eventually("Flink is done", lambda: everything_read(quick, f"{other.group}-flink"))
    flink.jobs.savepoint(job)
    assert_same(outcome(quick), outcome(other))


def test_a_killed_task_manager_and_another_parallelism_change_no_record(
    quick: Settings, tmp_path: Path, flink: Flink
) -> None:
    other = beside(quick, "other")
    stack.create_topics(other)
    text, usual, strange = Job(other).text(), logins(9, 60_000), hostile(quick.topics.max_message_bytes)
    with pool(quick, tmp_path):
        with arriving(lambda turn: feed(quick, usual[turn * 250 :][:250] + strange[turn * 5 :][:5])):
            killed = flink.jobs.start(text, parallelism=4)  # all slots, so every TaskManager has a part
            eventually("there is something to go back to", lambda: flink.jobs.checkpoints(killed) > 1)
            flink.task_managers[0].kill()
            eventually("the job notices", lambda: not flink.jobs.runs(killed))
            flink.start_task_manager(0)
            eventually("the job went back", lambda: flink.jobs.restored(killed) > 0)
            rescaled = flink.jobs.start(text, parallelism=2, savepoint=flink.jobs.savepoint(killed))
            eventually("it works on", lambda: flink.jobs.checkpoints(rescaled) > 1)
        eventually("the pool is done", lambda: everything_read(quick, quick.aggregations_group))
    eventually("Flink is done", lambda: everything_read(quick, f"{other.group}-flink"))
    flink.jobs.savepoint(rescaled)
    assert_same(outcome(quick), outcome(other))


def test_a_pool_goes_on_as_flink_while_logins_arrive(quick: Settings, tmp_path: Path, flink: Flink) -> None:
    account = Account(quick, 10)
    with arriving(lambda _turn: account.feed(250, users=500)):
        with pool(quick, tmp_path) as running:
            eventually("both work", lambda: all('"started"' in running.log(f"worker-0{n}").read_text() for n in (0, 1)))
            eventually("the pool has counted", lambda: len(published_counts(quick)) > 400)
            refused = migrate(quick, tmp_path, flink)
            assert refused.returncode == Exit.REFUSED
            assert "the pool is alive" in refused.stderr
            for name in list(running.running):
                running.stop(name)
            done = migrate(quick, tmp_path, flink)
            assert done.returncode == Exit.OK, done.stderr
            again = running.start("worker-00").wait(stack.PATIENCE_SECONDS)
            assert again == Exit.REFUSED, "both would process what follows"
        job = done.stdout.split()[1]
        eventually("Flink works on", lambda: flink.jobs.checkpoints(job) > 1)
    eventually("Flink is done", lambda: everything_read(quick, f"{quick.group}-flink"))
    flink.jobs.savepoint(job)
    processed = Counter(json.loads(value)["device_id"] for _, value in read(quick, quick.topics.processed))
    assert processed == account.logins
    assert len(dead_letters(quick)) == account.malformed
    assert published_counts(quick) == account.users
    assert sum(redis_counts(quick).values()) < len(account.logins), "the pool did not see all of it"


def migrate(settings: Settings, folder: Path, flink: Flink) -> "subprocess.CompletedProcess[str]":
    """Run the command as an operator does."""
    options = ["--flink", flink.address, "--savepoints", flink.savepoints, "--sql", str(folder / "job.sql")]
    return subprocess.run(
        [sys.executable, "-m", "deploy.flink", "migrate", *options],
        env=stack.environment(settings, folder),
        cwd=stack.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
