"""`data-processor forget` on a real Kafka and Redis: gone everywhere, counted from 1 again, and exact throughout."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from processor.audit.findings import Verdict
from processor.counts.store import Applied, Move
from processor.forgetting import Forgetting
from processor.logins.count import tally
from processor.settings import Settings
from tests import command
from tests.audited import audited
from tests.flusher_process import Flusher
from tests.handwork import Handwork, Written, login
from tests.pool import Account, eventually, pool, read
from tests.stack import RedisServer

SEED = 20_261_126
ANN = "user-0"  # Handwork gives her every fifth login

POINTS = [
    "flusher.before-take",
    "flusher.after-take",
    "flusher.during-walk",
    "flusher.before-commit",
    "flusher.after-offsets",
    "flusher.after-commit",
    "flusher.after-drop",
]


def exact(settings: Settings, full: tuple[bool, ...] = (False, True)) -> None:
    for each in full:
        found = audited(settings, full=each).findings
        assert found.verdict is Verdict.CLEAN, (found.shown, found.reasons)


def answer(settings: Settings, folder: Path, *arguments: str, code: int = 0) -> Any:
    done = command.run(settings, folder, *arguments, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    assert ANN not in done.stderr
    return json.loads(done.stdout)


def forget(settings: Settings, folder: Path, *users: str) -> dict[str, int]:
    """Who was forgotten, and how many logins of theirs."""
    found: dict[str, int] = answer(settings, folder, "forget", "--yes", *users)["forgotten"]
    return found


def count(settings: Settings, folder: Path, user: str = ANN) -> int:
    """What Redis says, without an exit code for 0."""
    done = command.run(settings, folder, "count", user, "--json")
    return int(json.loads(done.stdout)[user])


@pytest.fixture
def quick(quick: Settings) -> Settings:
    return replace(quick, redis=replace(quick.redis, shards=2))


@pytest.fixture
def hand(quick: Settings) -> Handwork:
    """Two shards; ann has eight logins that are counted, and nothing is published yet."""
    made = Handwork(quick)
    made.begin()
    made.feed()
    made.work()
    return made


def come_back(hand: Handwork, logins: int) -> None:
    """Ann has more logins, and they are counted."""
    for n in range(logins):
        hand.send(hand.topics.input, Written(n % 4, None, login(ANN, 100 + n)))
    hand.flush()
    hand.work()


def asked(settings: Settings, *users: str) -> Forgetting:
    made = Forgetting(settings, users)
    made.ask()
    return made


def published(settings: Settings) -> dict[str, int]:
    """The latest count of each user; a tombstone is none."""
    found: dict[str, int] = {}
    for key, value in read(settings, settings.topics.aggregations):
        user = str(key or b"", "utf-8")
        found.pop(user, None)
        if value is not None:
            found[user] = json.loads(value)["login_count"]
    return found


def all_published(hand: Handwork) -> Callable[[], bool]:
    return lambda: published(hand.settings) == hand.counted()


def test_a_user_forgotten_under_load_is_gone_counts_from_one_again_and_may_be_forgotten_again(
    quick: Settings, tmp_path: Path
) -> None:
    hand, account = Handwork(quick), Account(quick, SEED)
    load = ("generate", "--seconds", "15", "--rate", "1000", "--users", "2000")

    def logins(number: int) -> None:
        for n in range(number):
            hand.send(quick.topics.input, Written(n % 4, None, login("ann", n)))
        hand.flush()

    with pool(quick, tmp_path) as running, command.started(quick, tmp_path, *load) as generating:
        account.feed(500)
        logins(12)
        eventually("ann is published", lambda: published(quick).get("ann") == 12)
        exact(quick, (False,))

        assert forget(quick, tmp_path, "ann", "nobody") == {"ann": 12, "nobody": 0}

        assert count(quick, tmp_path, "ann") == 0
        assert "ann" not in published(quick)
        exact(quick)
        logins(1)
        eventually("ann counts from 1", lambda: published(quick).get("ann") == 1)
        running.kill("flusher")
        running.revive()
        found = answer(quick, tmp_path, "explain", "ann")
        assert (found["logins"], found["not_counted"], found["count"], found["forgotten"]) == (13, 12, 1, True)
        assert (found["count_agrees"], found["published_agrees"]) == ("agrees", "agrees")
        exact(quick)

        assert forget(quick, tmp_path, "ann") == {"ann": 1}
        assert generating.wait(300) == 0
        exact(quick)
        said = command.run(quick, tmp_path, "explain", "ann").stdout
        assert "The user was forgotten: 13 of these logins are from before that" in said
        for name in running.running:
            assert "ann" not in running.log(name).read_text()


@pytest.mark.parametrize("point", POINTS)
def test_a_flusher_killed_at_any_point_forgets_once(hand: Handwork, tmp_path: Path, point: str) -> None:
    forgetting = asked(hand.settings, ANN)
    for _ in range(2):  # two shards, and only one of them forgets
        with Flusher(hand.settings, tmp_path, crash_at=point) as doomed:
            assert doomed.ended() == -signal.SIGKILL
    come_back(hand, 3)

    with Flusher(hand.settings, tmp_path):
        assert forgetting.wait(300) == []
        eventually("all is published", all_published(hand))
        late = point in POINTS[:1]  # she came back before it was done
        assert hand.counted().get(ANN, 0) in ({0, 3} if late else {3})
        exact(hand.settings)
        come_back(hand, 2)
        eventually("all is published", all_published(hand))
        exact(hand.settings)
    assert hand.counted()[ANN] == 2 + (0 if forgetting.done[ANN].logins == 11 else 3)


def test_a_redis_that_is_emptied_or_comes_back_older_forgets_all_the_same(
    hand: Handwork, redis_server: RedisServer, tmp_path: Path
) -> None:
    with Flusher(hand.settings, tmp_path) as flusher:
        eventually("all is published", all_published(hand))
        exact(hand.settings)
        saved = redis_server.save(tmp_path)
        assert asked(hand.settings, ANN).wait(300) == []
        come_back(hand, 3)
        eventually("all is published", all_published(hand))

        redis_server.restore(saved)

        flusher.await_said("restored")
        recount(hand)
        assert hand.counted()[ANN] == 3
        exact(hand.settings)

        redis_server.flushall()
        flusher.await_said("restored", times=2)
        recount(hand)
        assert hand.counted()[ANN] == 3
        exact(hand.settings)
        assert "came back older than a forget" in flusher.log()


def recount(hand: Handwork) -> None:
    """Workers go on from where the shards stand now."""
    ends = hand.ends(hand.topics.input)
    for shard, cursors in enumerate(hand.store.cursors()):
        users = [user for batch in hand.batches(cursors, ends) for user in batch.user_ids()]
        moves = [Move(p, cursors.get(p), end) for p, end in ends.items()]
        assert hand.store.apply(shard, moves, tally(users, hand.settings.redis.shards)[shard]) == Applied()


def test_a_request_that_a_redis_lost_is_made_again(hand: Handwork, redis_server: RedisServer, tmp_path: Path) -> None:
    with Flusher(hand.settings, tmp_path):
        eventually("all is published", all_published(hand))
    with command.started(hand.settings, tmp_path, "forget", "--yes", ANN) as waiting:
        key = f"{{{hand.settings.redis.prefix}:%d}}:forgetting"
        eventually("it is asked for", lambda: any(hand.redis.call("", "EXISTS", key % s) for s in range(2)))
        redis_server.flushall()
        with Flusher(hand.settings, tmp_path):
            assert waiting.wait(300) == 0
            exact(hand.settings)
    assert ANN not in hand.counted()


def test_without_a_flusher_it_waits_no_longer_than_it_is_told(hand: Handwork, tmp_path: Path) -> None:
    done = command.run(hand.settings, tmp_path, "forget", "--yes", "--timeout", "1", ANN)
    assert done.returncode == 4
    assert "not forgotten yet" in command.only_line(done.stderr)
    assert ANN not in done.stderr

    assert answer(hand.settings, tmp_path, "forget", "--yes", "--no-wait", ANN)["asked"] == [ANN]
    assert command.run(hand.settings, tmp_path, "forget", ANN, given=b"n\n").returncode == 5
    assert command.run(hand.settings, tmp_path, "forget", "--yes", "x" * 257).returncode == 2
    assert hand.counted()[ANN] == 8


def test_a_reshard_keeps_who_is_forgotten_and_a_reset_says_that_it_does_not(hand: Handwork, tmp_path: Path) -> None:
    settings = hand.settings
    with Flusher(settings, tmp_path):
        assert asked(settings, ANN).wait(300) == []
    exact(settings)
    target = replace(settings, redis=replace(settings.redis, shards=3, prefix=f"{settings.redis.prefix}-3"))

    moved = command.run(settings, tmp_path, "restore", "--yes", "--shards", "3", "--to-prefix", target.redis.prefix)

    assert moved.returncode == 0, moved.stdout + moved.stderr
    exact(target)
    with Flusher(target, tmp_path):
        again = Handwork(target)
        come_back(again, 2)
        eventually("all is published", all_published(again))
        assert again.counted()[ANN] == 2
        exact(target)
        assert asked(target, ANN).wait(300) == []
        exact(target)

    assert answer(target, tmp_path, "reset", "--dry-run")["forgotten"] == 1
    done = command.run(target, tmp_path, "reset", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert answer(target, tmp_path, "reset", "--dry-run")["forgotten"] == 0
    again.work()
    assert again.counted()[ANN] == 10
    with Flusher(target, tmp_path):
        eventually("all is published", all_published(again))
        exact(target)
