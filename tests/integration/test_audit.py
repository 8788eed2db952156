"""The audit on a real Kafka and Redis: clean where all is right, and every planted corruption named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer
from msgspec.structs import replace

from processor.audit.baseline import path_of
from processor.audit.findings import Verdict
from processor.kafka.offsets import Checkpoint
from processor.settings import PrivacySettings, Settings
from tests import command
from tests.audited import audited
from tests.handwork import Handwork, Written, login


@pytest.fixture
def hand(quick: Settings) -> Handwork:
    """A pool by hand, with some logins done."""
    made = Handwork(quick)
    made.begin()
    made.feed()
    made.work()
    made.publish()
    return made


def test_a_clean_audit_says_so_and_the_next_needs_only_what_is_new(hand: Handwork, tmp_path: Path) -> None:
    done = command.run(hand.settings, tmp_path, "audit", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"], found["since"]) == (0, "clean", "origin")
    assert (found["logins"], found["dead_letters"], found["users"]) == (40, 4, 5)
    assert path_of(hand.settings).stat().st_mode & 0o777 == 0o600

    hand.feed(8, 2)
    hand.work()
    hand.publish()
    done = command.run(hand.settings, tmp_path, "audit")
    assert done.returncode == 0
    assert "Clean: 8 processed logins, 2 dead letters and 5 users' counts" in command.only_line(done.stdout)

    done = command.run(hand.settings, tmp_path, "audit", "--full", "--json")
    assert json.loads(done.stdout)["logins"] == 48


def test_an_audit_that_is_told_so_leaves_no_baseline(hand: Handwork) -> None:
    assert audited(hand.settings, leave=False).findings.verdict is Verdict.CLEAN
    assert not path_of(hand.settings).exists()


def test_the_audit_knows_what_became_of_addresses(quick: Settings) -> None:
    pool = Handwork(replace(quick, privacy=PrivacySettings(ip="hash", ip_key="a key of the test's own")))
    pool.begin()
    for partition, value in enumerate((b'{"user_id":"u","ip":"203.0.113.77"}', b'{"user_id":"","ip":"203.0.113.77"}')):
        pool.send(pool.topics.input, Written(partition, None, value))
    pool.feed()
    pool.work()
    pool.publish()

    assert audited(pool.settings, leave=False).findings.verdict is Verdict.CLEAN
    other = replace(pool.settings, privacy=PrivacySettings(ip="keep"))
    assert audited(other).findings.totals == {"output-altered": 1, "dead-letter-altered": 5}


OutputSabotage = Callable[[list[Written]], object]


def swap(outputs: list[Written]) -> None:
    first = outputs[0]
    at = next(n for n, one in enumerate(outputs) if n and one.partition == first.partition)
    outputs[0], outputs[at] = outputs[at], outputs[0]


def alter(outputs: list[Written]) -> None:
    outputs[3].value = (outputs[3].value or b"").replace(b"1694479551", b"1694479552")


def alter_letter(letters: list[Written]) -> None:
    letters[1].value = b"other bytes"


OUTPUTS: dict[str, OutputSabotage] = {
    "output-lost": lambda outputs: outputs.pop(2),
    "output-repeated": lambda outputs: outputs.append(outputs[1]),
    "output-extra": lambda outputs: outputs.append(Written(0, b"x", b'{"user_id":"nobody"}')),
    "output-altered": alter,
    "output-out-of-order": swap,
}
LETTERS: dict[str, OutputSabotage] = {
    "dead-letter-lost": lambda letters: letters.pop(1),
    "dead-letter-repeated": lambda letters: letters.append(letters[1]),
    "dead-letter-extra": lambda letters: letters.append(Written(0, None, b"{", [("dead-letter.reason", b"json")])),
    "dead-letter-altered": alter_letter,
}


@pytest.mark.parametrize("kind", [*OUTPUTS, *LETTERS])
def test_what_is_wrong_with_an_output_is_found_and_named(hand: Handwork, kind: str, tmp_path: Path) -> None:
    hand.feed(20, 4)
    hand.work(OUTPUTS.get(kind, len), LETTERS.get(kind, len))
    hand.publish()
    done = command.run(hand.settings, tmp_path, "audit", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["differences"]) == (1, {kind: 1})
    (example,) = found["examples"]
    assert example["kind"] == kind
    assert example["topic"] in {hand.topics.input, hand.topics.processed, hand.topics.dead_letters}
    assert example["partition"] in range(4)
    assert example["offset"] >= 0
    assert not path_of(hand.settings).exists()


@pytest.mark.parametrize("shards", [1, 3])
def test_wrong_counts_in_redis_and_strangers_are_found_and_named(quick: Settings, shards: int, tmp_path: Path) -> None:
    hand = Handwork(replace(quick, redis=replace(quick.redis, shards=shards)))
    hand.begin()
    hand.feed()
    hand.work()
    hand.publish()
    assert audited(hand.settings).findings.verdict is Verdict.CLEAN
    for user, by in (("user-1", 1), ("user-2", -2), ("stranger", 7)):
        hand.miscount(user, by)
        for full in (False, True):
            (found,) = audited(hand.settings, full=full).findings.shown
            assert (found.kind, found.user) == ("count-wrong", user)
        hand.miscount(user, -by)
    done = command.run(hand.settings, tmp_path, "audit")
    assert done.returncode == 1  # a stranger with the count 0 is one still
    assert "user stranger: has the count 0 in Redis" in done.stdout


def test_a_user_who_is_missing_in_redis_is_named(hand: Handwork) -> None:
    hand.redis.call("sabotage", "HDEL", f"{{{hand.settings.redis.prefix}:0}}:counts", "user-3")
    (found,) = audited(hand.settings).findings.shown
    assert (found.kind, found.user) == ("count-wrong", "user-3")


@pytest.mark.parametrize("wrong", [{"user-1": 3}, {"stranger": 1}, {"user-4": None}])
def test_a_wrong_published_count_is_found_and_named(hand: Handwork, wrong: dict[str, int | None]) -> None:
    hand.feed(20, 0, users=10)
    hand.work()

    def sabotage(counts: dict[str, int]) -> None:
        for user, count in wrong.items():
            if count is None:
                del counts[user]
            else:
                counts[user] = count + 8  # more than before: a count that goes down is another difference

    hand.publish(sabotage)
    (found,) = audited(hand.settings).findings.shown
    assert (found.kind, found.user) == ("published-wrong", next(iter(wrong)))


def test_a_count_that_was_published_lower_than_before_is_named(hand: Handwork) -> None:
    hand.publish(lambda counts: counts.update({"user-2": 1}))
    hand.publish()
    (found,) = audited(hand.settings).findings.shown
    assert (found.kind, found.user) == ("published-lowered", "user-2")


def test_a_checkpoint_that_does_not_fit_is_named(hand: Handwork) -> None:
    cursors = hand.store.cursors()
    hand.checkpoint(Checkpoint([{p: at - 5 for p, at in cursors[0].items()}]))
    assert set(audited(hand.settings).findings.totals) == {"published-wrong"}
    beyond = {p: at + 1 for p, at in cursors[0].items()}
    hand.checkpoint(Checkpoint([beyond]))
    assert set(audited(hand.settings).findings.totals) == {"position-impossible"}


def test_the_audit_goes_on_when_retention_has_deleted_what_was_audited(hand: Handwork, tmp_path: Path) -> None:
    assert audited(hand.settings).findings.verdict is Verdict.CLEAN
    hand.feed(12, 3)
    hand.delete_before(hand.topics.input, hand.committed())
    hand.work()
    hand.publish()
    done = command.run(hand.settings, tmp_path, "audit", "--no-baseline")
    assert done.returncode == 0, done.stdout

    done = command.run(hand.settings, tmp_path, "audit", "--full")
    assert done.returncode == 3
    assert "retention deleted what is between" in done.stdout

    hand.delete_before(hand.topics.input, hand.committed())
    done = command.run(hand.settings, tmp_path, "audit", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["verdict"], len(found["unknown"])) == (3, "unknown", 2)


def test_counts_are_still_held_against_the_input_when_outputs_were_deleted(hand: Handwork) -> None:
    hand.delete_before(hand.topics.processed, {0: 1})
    report = audited(hand.settings)
    assert report.findings.verdict is Verdict.UNKNOWN
    assert (report.logins, report.dead_letters, report.users) == (0, 4, 5)
    hand.miscount("user-1", 1)
    assert audited(hand.settings).findings.verdict is Verdict.DIFFERENT


def test_markers_and_aborted_records_in_all_topics_are_no_differences(hand: Handwork) -> None:
    transactional = Producer({**hand.settings.kafka.client, "transactional.id": f"{hand.settings.group}-test"})
    transactional.init_transactions(30)
    for turn in range(4):
        transactional.begin_transaction()
        for partition in range(4):
            transactional.produce(hand.topics.input, login(f"user-{turn}", 1000 + turn), b"k", partition)
            if turn % 2:
                transactional.produce(hand.topics.processed, b"never there", b"k", partition)
                transactional.produce(hand.topics.dead_letters, b"never there", b"k", partition)
        transactional.flush(30)  # ended before its partitions are known to the broker, it is refused
        transactional.abort_transaction(30) if turn % 2 else transactional.commit_transaction(30)
    hand.feed(4, 0)
    hand.work()
    hand.publish()
    report = audited(hand.settings)
    assert report.findings.verdict is Verdict.CLEAN, report.findings.shown
    assert report.logins == 40 + 4 + 2 * 4


def test_logins_that_are_equal_to_the_byte_in_several_partitions_are_no_differences(hand: Handwork) -> None:
    for n in range(40):
        hand.send(hand.topics.input, Written(n % 4, b"same", login("same", 1)))
    hand.flush()
    hand.work()
    hand.publish()
    assert audited(hand.settings).findings.verdict is Verdict.CLEAN


def test_headers_are_part_of_what_is_compared(hand: Handwork) -> None:
    for n in range(8):
        hand.send(hand.topics.input, Written(n % 4, None, login("u", n), [("trace", b"%d" % n), ("trace", None)]))
    hand.flush()
    hand.work(lambda outputs: outputs[5].headers.pop())  # type: ignore[union-attr]
    hand.publish()
    (found,) = audited(hand.settings).findings.shown
    assert (found.kind, found.user) == ("output-altered", "u")


def test_a_redis_of_another_lineage_or_none_is_not_audited(hand: Handwork, tmp_path: Path) -> None:
    cursors = f"{{{hand.settings.redis.prefix}:0}}:cursors"
    hand.redis.call("sabotage", "HSET", cursors, "lineage", "cluster=other")
    done = command.run(hand.settings, tmp_path, "audit")
    assert (done.returncode, done.stdout) == (5, "")
    assert "cluster=other" in command.only_line(done.stderr)
    hand.redis.call("sabotage", "HDEL", cursors, "lineage")
    done = command.run(hand.settings, tmp_path, "audit")
    assert done.returncode == 4
    assert "has no lineage" in command.only_line(done.stderr)


def test_a_baseline_of_a_topic_that_was_made_anew_is_not_used(hand: Handwork) -> None:
    assert audited(hand.settings).since == "origin"
    assert audited(hand.settings).since == "baseline"
    path = path_of(hand.settings)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"topic=", b"tropic"))
    assert audited(hand.settings).since == "origin"


def test_a_run_directory_that_takes_no_baseline_is_noted_and_the_audit_is_clean(hand: Handwork, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    report = audited(replace(hand.settings, run_directory=str(tmp_path / "file" / "run")))
    assert report.findings.verdict is Verdict.CLEAN
    assert "no baseline was left" in report.findings.notes[0]


def test_kafka_or_redis_that_does_not_answer_is_exit_4(hand: Handwork, tmp_path: Path) -> None:
    nowhere = replace(hand.settings, redis=replace(hand.settings.redis, url="redis://127.0.0.1:1/0"))
    done = command.run(nowhere, tmp_path, "audit")
    assert done.returncode == 4
    assert "Redis at 127.0.0.1:1" in command.only_line(done.stderr)
