"""`data-processor explain` on a real Kafka and Redis: a user's count, login by login, as the account has it."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from processor.settings import Settings
from tests import command
from tests.handwork import Handwork, Written, login
from tests.pool import Account, eventually, pool
from tests.stack import RedisServer

SEED = 20_261_122


def explained(settings: Settings, folder: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    done = command.run(settings, folder, "explain", "--json", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def hand(quick: Settings) -> Handwork:
    """A pool by hand: ten logins published, ten counted, five in the log."""
    made = Handwork(quick)
    made.begin()
    for logins in (10, 10, 5):
        made.feed(logins, malformed=0, users=1)
        if logins == 10:
            made.work()
        if made.fed == 10:
            made.publish()
    return made


def test_each_login_is_shown_with_what_became_of_it(hand: Handwork, tmp_path: Path) -> None:
    found = explained(hand.settings, tmp_path, "user-0", "--limit", "100")

    assert (found["count"], found["counted"], found["count_agrees"]) == (20, 20, "agrees")
    assert (found["published_count"], found["published"], found["published_agrees"]) == (10, 10, "agrees")
    assert (found["logins"], found["processed"]) == (25, 20)
    assert sorted(each["device_id"] for each in found["shown"]) == sorted(f"device-{n}" for n in range(25))
    assert sum(each["counted"] for each in found["shown"]) == 20
    received = [each["received"] for each in found["shown"]]
    assert received == sorted(received)

    done = command.run(hand.settings, tmp_path, "explain", "user-0", "--limit", "2")
    assert "The newest 2 of 25 logins:" in done.stdout
    assert "The log has 25 logins of user-0, 5 not processed yet." in done.stdout
    assert "20, as the log says" in done.stdout


def test_logins_are_found_however_the_user_is_written(hand: Handwork, tmp_path: Path) -> None:
    forms = [b'{"user_id":77}', b'{"user_id":"77"}', rb'{"user_id":"\u0037\u0037"}', rb'{"us\u0065r_id":77,"x":[]}']
    for value in [*forms, b'{"user_id":770}', b'{"user_id":"7\\u00377"}']:
        hand.send(hand.topics.input, Written(0, None, value))
    hand.flush()
    hand.work()

    found = explained(hand.settings, tmp_path, "77")

    assert (found["logins"], found["count"], found["count_agrees"]) == (4, 4, "agrees")


def test_dead_letters_under_the_users_key_are_named(hand: Handwork, tmp_path: Path) -> None:
    for key, value in ((b"user-0", b"{"), (b"user-0", None), (b"another", b"user-0 {")):
        hand.send(hand.topics.input, Written(1, key, value))
    hand.flush()

    found = explained(hand.settings, tmp_path, "user-0")

    assert (found["letters"], [letter["reason"] for letter in found["letters_shown"]]) == (2, ["json", "tombstone"])
    assert "Dead letter under this key: partition 1" in command.run(hand.settings, tmp_path, "explain", "user-0").stdout


def test_a_wrong_count_is_a_difference(hand: Handwork, tmp_path: Path) -> None:
    hand.miscount("user-0", 3)

    found = explained(hand.settings, tmp_path, "user-0", code=1)

    assert (found["count"], found["counted"], found["count_agrees"]) == (23, 20, "differs")
    assert found["published_agrees"] == "agrees"


def test_a_wrong_published_count_is_a_difference(hand: Handwork, tmp_path: Path) -> None:
    hand.send(hand.topics.aggregations, Written(-1, b"user-0", b'{"user_id":"user-0","login_count":11}'))
    hand.flush()

    assert explained(hand.settings, tmp_path, "user-0", code=1)["published_agrees"] == "differs"


def test_a_log_that_retention_cut_accounts_for_what_it_has(hand: Handwork, tmp_path: Path) -> None:
    hand.delete_before(hand.topics.input, {0: 2, 1: 1})

    found = explained(hand.settings, tmp_path, "user-0")

    assert (found["count"], found["counted"], found["count_agrees"]) == (20, 17, "unknown")
    assert found["deleted"] == {"0": 2, "1": 1}
    said = command.run(hand.settings, tmp_path, "explain", "user-0").stdout
    assert "20; the log accounts for 17 of them" in said
    assert "Retention deleted partition 0 below offset 2" in said


def test_nobody_knows_an_unknown_user(hand: Handwork, tmp_path: Path) -> None:
    done = command.run(hand.settings, tmp_path, "explain", "user-00")
    assert done.returncode == 1
    assert "Nobody knows the user user-00" in command.only_line(done.stdout)


def test_what_was_before_a_reset_does_not_count(hand: Handwork, tmp_path: Path) -> None:
    assert command.run(hand.settings, tmp_path, "reset", "--yes", "--to", "latest").returncode == 0
    assert explained(hand.settings, tmp_path, "user-0", code=1)["logins"] == 0
    hand.send(hand.topics.input, Written(2, None, login("user-0", 900)))
    hand.flush()
    hand.work()
    found = explained(hand.settings, tmp_path, "user-0")
    assert (found["logins"], found["count"], found["count_agrees"]) == (1, 1, "agrees")


def test_beside_a_pool_that_is_killed_and_loses_its_redis_it_never_contradicts_itself(
    quick: Settings, redis_server: RedisServer, tmp_path: Path
) -> None:
    account = Account(quick, SEED)
    with pool(quick, tmp_path, workers=2) as running:
        for fault in (None, "worker-00", "flusher", "redis"):
            account.feed(400, users=10, malformed=0.05)
            if fault == "redis":
                redis_server.flushall()
            elif fault:
                running.send(fault, signal.SIGKILL)
                running.running[fault].wait(300)
            eventually("the counts are there, or there again", lambda: _answers(quick, tmp_path))
            found = explained(quick, tmp_path, "user-3")
            assert {found["count_agrees"], found["published_agrees"]} == {"agrees"}
            running.revive()
        account.check()
        for user in ("user-0", "user-9"):
            found = explained(quick, tmp_path, user)
            assert found["count"] == found["published_count"] == found["logins"] == account.users[user]


def _answers(settings: Settings, folder: Path) -> bool:
    return command.run(settings, folder, "explain", "user-3").returncode != 4
