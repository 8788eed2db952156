"""Rights that are taken away from a pool at work, each in turn, and given back: it says so, goes on, and is exact."""

import json
from pathlib import Path

from msgspec.structs import replace

from processor.errors import Exit
from processor.kafka.rights import Right, rights
from processor.settings import FlusherSettings, KafkaSettings, RedisSettings, Settings
from tests.pool import Account, Pool, eventually, pool
from tests.secured_kafka import secured_kafka
from tests.stack import RedisServer

PROCESSES = {"worker": "worker-00", "flusher": "flusher"}
TAKEN = [right for right in rights(Settings()) if right.user in PROCESSES]
TOPICS = Settings().topics
# Asked for at a start, in a restore, or where a partition has no owner, and not by what is under way.
NOT_MISSED = {
    ("worker", TOPICS.aggregations, "DESCRIBE"),
    ("flusher", TOPICS.aggregations, "READ"),
    ("flusher", TOPICS.aggregations, "DESCRIBE_CONFIGS"),
    ("flusher", TOPICS.processed, "DESCRIBE"),
    ("flusher", TOPICS.dead_letters, "DESCRIBE"),
    ("flusher", Settings().group, "READ"),
    ("flusher", f"{Settings().group}-reader", "DESCRIBE"),
}


def test_each_right_is_taken_away_under_load_and_given_back_and_no_login_is_lost_or_counted_twice(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    with secured_kafka(tmp_path / "secured") as secured:
        own = Settings(
            run_directory=str(tmp_path / "run"),
            kafka=KafkaSettings(client=secured.of_roles()),
            flusher=FlusherSettings(interval_seconds=0.5, lease_seconds=3.0),
            redis=RedisSettings(url=redis_server.url, prefix="taken", timeout_seconds=1.0),
        )
        secured.create_topics(own)
        secured.give(own)
        account = Account(replace(own, kafka=KafkaSettings(client=secured.certified())), seed=20261126)
        with pool(own, tmp_path, workers=1) as running:
            for right in TAKEN:
                account.feed(200)
                eventually("all is at rest", account.settled)
                secured.take(own, [right])
                missed = (right.user, right.name, right.operation) not in NOT_MISSED
                eventually(
                    f"{right} is missed, or is not",
                    lambda missed=missed, right=right: _missed(running, account, right) is missed,
                )  # type: ignore[misc]
                if missed:
                    _check_line(running, right)
                secured.give(own, [right])
                running.revive()
            account.check()
        assert not [one for one in secured.passwords.values() if one in _said(running)]


def _missed(running: Pool, account: Account, right: Right) -> bool | None:
    """Whether the process ended, or works on; None: not known yet."""
    account.feed(50)
    if running.running[PROCESSES[right.user]].poll() is not None:
        return True
    return False if account.settled() else None


def _check_line(running: Pool, right: Right) -> None:
    last = json.loads(running.log(PROCESSES[right.user]).read_text().splitlines()[-1])
    assert last["exit_code"] == Exit.REFUSED, last
    assert f"{right.user} lacks {right.what}" in last["event"]


def _said(running: Pool) -> str:
    said = "".join(running.log(name).read_text() for name in PROCESSES.values())
    assert "Traceback" not in said
    return said
