"""`data-processor dead-letters` on a real Kafka and Redis, beside the real pool where it matters."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Message, Producer
from msgspec.structs import replace

from deploy.local.servers import Broker
from processor.faults import VARIABLE
from processor.settings import Settings
from tests import command, stack, wire
from tests.handwork import Handwork, Written, login
from tests.pool import bounds, messages, read

MEND = """printf '{"user_id":7}'"""


@pytest.fixture
def hand(quick: Settings) -> Handwork:
    """A pool by hand that has begun."""
    made = Handwork(quick)
    made.begin()
    return made


def dead(hand: Handwork, *records: Written) -> None:
    """Feed these and have them processed: dead letters, for what is no login."""
    for one in records:
        hand.send(hand.topics.input, one)
    hand.flush()
    hand.work()


def listed(hand: Handwork, folder: Path, *options: str) -> list[dict[str, Any]]:
    done = command.run(hand.settings, folder, "dead-letters", "list", "--json", *options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def shown(hand: Handwork, folder: Path, *options: str) -> str:
    done = command.run(hand.settings, folder, "dead-letters", "show", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def redriven(settings: Settings, folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return command.run(settings, folder, "dead-letters", "redrive", "--yes", *options)


def arrived(hand: Handwork, partition: int) -> list[Message]:
    """All of a partition of the input."""
    return [one for one in messages(hand.settings, hand.topics.input) if one.partition() == partition]


def test_letters_are_listed_by_reason_partition_and_time_with_a_summary(hand: Handwork, tmp_path: Path) -> None:
    dead(hand, Written(0, b"k", b"{"), Written(1, None, b""), Written(1, b"k", None), Written(2, b"k", login("u", 1)))

    assert [(one["partition"], one["offset"], one["reason"]) for one in listed(hand, tmp_path)] == [
        (0, 0, "json"),
        (1, 0, "empty"),
        (1, 1, "tombstone"),
    ]
    assert len(listed(hand, tmp_path, "--limit", "2")) == 2
    assert [one["reason"] for one in listed(hand, tmp_path, "--reason", "json", "--reason", "empty")] == [
        "json",
        "empty",
    ]
    assert [one["reason"] for one in listed(hand, tmp_path, "--partition", "1", "--since", "1h")] == [
        "empty",
        "tombstone",
    ]
    assert listed(hand, tmp_path, "--until", "1h") == listed(hand, tmp_path, "--since", "2100-01-01") == []
    text = command.run(hand.settings, tmp_path, "dead-letters", "list").stdout
    assert text.splitlines()[-1] == "3 dead letters, 0 of them redriven"
    assert "        1 json" in text


HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\u202e\x9b\ud83d\ude00é".encode("utf-8", "surrogatepass")


def test_nothing_that_a_terminal_could_take_for_a_command_is_printed(hand: Handwork, tmp_path: Path) -> None:
    dead(hand, Written(0, HOSTILE, HOSTILE, [("h\x1b[31m", HOSTILE), ("none", None)]), Written(0, None, b"\x1b{\n\tx"))

    first, second = (one["id"] for one in listed(hand, tmp_path))
    text = shown(hand, tmp_path, first) + shown(hand, tmp_path, second)
    text += command.run(hand.settings, tmp_path, "dead-letters", "list").stdout

    assert all(c.isprintable() or c in "\n\t" for c in text)
    assert r"header     h\x1b[31m: \x1b]0;owned\x07" in text
    assert "00000000  1b 5d 30 3b" in text, "no UTF-8: a hex dump"
    assert "\\x1b{\n\tx\n" in text, "UTF-8: as text, in its own lines"


def test_raw_writes_the_exact_bytes(hand: Handwork, tmp_path: Path) -> None:
    value = os.urandom(400_000)
    dead(hand, Written(0, None, value))

    (one,) = listed(hand, tmp_path)
    arguments = [*command.PROGRAM, "dead-letters", "show", one["id"], "--raw"]
    environment = stack.environment(hand.settings, tmp_path)
    assert subprocess.run(arguments, env=environment, capture_output=True, check=True).stdout == value
    assert "and 395,904 more bytes" in shown(hand, tmp_path, one["id"])


def test_a_value_that_was_left_out_is_fetched_from_the_input_while_it_is_there(hand: Handwork, tmp_path: Path) -> None:
    compressing = Producer({**hand.settings.kafka.client, "compression.type": "lz4", "message.max.bytes": 20_000_000})
    compressing.produce(hand.topics.input, b"x" * 5_000_000, b"k", 0)
    assert compressing.flush(30) == 0
    hand.work()

    (one,) = listed(hand, tmp_path)
    assert one["bytes"] == 5_000_000
    text = shown(hand, tmp_path, one["id"])
    assert "5,000,000 bytes, left out of the letter and read from" in text
    assert "x" * 1000 in text

    hand.delete_before(hand.topics.input, {0: 1})
    assert "does not hold the record any more" in shown(hand, tmp_path, one["id"])
    done = command.run(hand.settings, tmp_path, "dead-letters", "show", one["id"], "--raw")
    assert (done.returncode, done.stdout) == (5, "")
    assert redriven(hand.settings, tmp_path, one["id"]).returncode == 1


IMPOSSIBLE = {
    ("show", "x"): (2, "is no letter's id"),
    ("show", "0:7"): (5, "ends at offset 1"),
    ("show", "99:0"): (5, "partitions 0 to 3"),
    ("redrive", "0:7", "--yes"): (5, "ends at offset 1"),
    ("redrive",): (2, "say which letters"),
    ("redrive", "--all", "--filter", "no-such-command"): (2, "there is no command 'no-such-command'"),
    ("redrive", "--all", "--filter", "'"): (2, "can't be read"),
    ("redrive", "--all", "--edit", "--filter", "cat"): (2, "either --edit or --filter"),
    ("list", "--reason", "jsno"): (2, "there is no reason"),
    ("list", "--since", "yesterday"): (2, "is no time"),
}


def test_what_can_not_be_is_one_clear_line(hand: Handwork, tmp_path: Path) -> None:
    dead(hand, Written(0, None, b"{"))
    for arguments, (code, said) in IMPOSSIBLE.items():
        done = command.run(hand.settings, tmp_path, "dead-letters", *arguments)
        assert done.returncode == code, arguments
        assert said in command.only_line(done.stderr)


def test_without_a_topic_or_a_kafka_it_is_exit_4(settings: Settings, tmp_path: Path) -> None:
    nowhere = replace(settings, kafka=replace(settings.kafka, client={"bootstrap.servers": "127.0.0.1:1"}))
    for one in (settings, nowhere):
        done = command.run(one, tmp_path, "dead-letters", "list")
        assert (done.returncode, done.stdout) == (4, "")
        command.only_line(done.stderr)


def test_a_redriven_record_has_the_letters_key_partition_time_and_own_headers(hand: Handwork, tmp_path: Path) -> None:
    own = [("trace", b"1"), ("trace", None), ("dead-letter.reason", b"from elsewhere")]
    dead(hand, Written(2, b"key", b"{", own), Written(2, None, None))
    before = arrived(hand, 2)[0]

    first = listed(hand, tmp_path)[0]["id"]
    done = redriven(hand.settings, tmp_path, first, "--filter", MEND)
    assert (done.returncode, done.stdout.splitlines()[-1].split()) == (0, ["1", "redriven"]), done.stderr

    record = arrived(hand, 2)[-1]
    assert (record.key(), record.value()) == (b"key", b'{"user_id":7}')
    assert record.timestamp() == before.timestamp()
    assert record.headers() == [("trace", b"1"), ("trace", None), ("dead-letter.redriven-from", first.encode())]
    one, other = listed(hand, tmp_path)
    assert (one["state"], one["redriven_to"]) == ("redriven", {"partition": 2, "offset": record.offset()})
    assert (other["state"], other["redriven_to"]) == ("waiting", None)
    assert f"redriven to {hand.topics.input} partition 2 offset {record.offset()}" in shown(hand, tmp_path, first)


def test_a_letter_is_redriven_once_unless_a_person_says_again(hand: Handwork, tmp_path: Path) -> None:
    dead(hand, *(Written(n % 4, None, b"{%d" % n) for n in range(10)))
    for options, sent in (((), 10), ((), 0), (("--again",), 10), ((), 0)):
        done = redriven(hand.settings, tmp_path, "--all", "--filter", MEND, *options)
        assert (done.returncode, int(done.stdout.split()[-2])) == (0, sent), done.stdout
    assert len(read(hand.settings, hand.topics.input)) == 30


def test_what_would_be_a_dead_letter_again_stays_unless_forced_and_leaves_no_confusing_headers(
    hand: Handwork, tmp_path: Path
) -> None:
    dead(hand, Written(0, None, b"{", [("own", b"1")]), Written(0, None, b"[1]"))

    done = redriven(hand.settings, tmp_path, "--all")
    assert done.returncode == 1
    assert "1 stay: would be a dead letter again: json" in done.stdout
    assert done.stdout.splitlines()[-1].split() == ["0", "redriven"]
    assert len(read(hand.settings, hand.topics.input)) == 2

    assert redriven(hand.settings, tmp_path, "--reason", "json", "--force").returncode == 0
    hand.work()
    first, _, returned = listed(hand, tmp_path)
    assert (first["state"], returned["state"], returned["redriven_from"]) == ("redriven", "waiting", first["id"])
    assert redriven(hand.settings, tmp_path, returned["id"], "--force").returncode == 0
    headers = arrived(hand, 0)[-1].headers()
    assert headers == [("own", b"1"), ("dead-letter.redriven-from", returned["id"].encode())]


def test_a_dry_run_and_a_no_change_nothing(hand: Handwork, tmp_path: Path) -> None:
    dead(hand, Written(0, None, b"{"), Written(0, None, b"[1]"))
    ends = [bounds(hand.settings, topic) for topic in (hand.topics.input, hand.topics.dead_letters)]

    done = redriven(hand.settings, tmp_path, "--all", "--dry-run")
    assert "1 would stay: would be a dead letter again: json" in done.stdout
    done = redriven(hand.settings, tmp_path, "--all", "--dry-run", "--filter", MEND)
    assert (done.returncode, done.stdout.splitlines()[-1].split()[:3]) == (0, ["2", "would", "be"])
    done = command.run(hand.settings, tmp_path, "dead-letters", "redrive", "--all", "--force", given=b"n\n")
    assert done.returncode == 5
    assert "nothing was sent" in done.stderr

    assert [bounds(hand.settings, topic) for topic in (hand.topics.input, hand.topics.dead_letters)] == ends


def test_a_letter_at_which_the_filter_fails_stays_and_the_others_go(hand: Handwork, tmp_path: Path) -> None:
    dead(hand, *(Written(0, None, b"{%d" % n) for n in range(4)))
    script = tmp_path / "mend"
    script.write_text(
        "#!/bin/sh\nread -r value\ncase $value in\n"
        '  "{0") printf \'bad \\033[2J\' >&2; exit 3;;\n  "{1") sleep 60;;\n  *) echo \'{"user_id": "u"}\';;\nesac\n'
    )
    script.chmod(0o700)

    done = redriven(hand.settings, tmp_path, "--all", "--timeout", "1", "--filter", str(script))

    assert done.returncode == 1
    assert r"the filter failed (exit code 3: bad \x1b[2J)" in done.stderr
    assert "1 stay: the filter did not end in time" in done.stdout
    assert done.stdout.splitlines()[-1].split() == ["2", "redriven"]
    assert [one["state"] for one in listed(hand, tmp_path)] == ["waiting", "waiting", "redriven", "redriven"]


def test_an_editor_mends_letters_one_by_one(hand: Handwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead(hand, Written(0, None, b"{"), Written(1, None, b"["))
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\ngrep -q "{" "$2" && printf \'{"user_id": "edited"}\' > "$2"\ntrue\n')
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", f"{editor} --wait")

    done = redriven(hand.settings, tmp_path, "--all", "--edit")

    assert done.returncode == 1
    assert "1 stay: closed without a change" in done.stdout
    assert arrived(hand, 0)[-1].value() == b'{"user_id": "edited"}'


def test_headers_that_nobody_can_read_are_left_behind_and_that_is_said(
    hand: Handwork, kafka: Broker, tmp_path: Path
) -> None:
    wire.produce(kafka.bootstrap, hand.topics.input, 1, login("u", 1), [(b"\xff\xfe", b"1"), (b"fine", b"2")])
    hand.work()

    done = redriven(hand.settings, tmp_path, "--reason", "headers")

    assert done.returncode == 0, done.stderr
    assert "1 went without their own headers" in done.stdout
    assert [name for name, _ in arrived(hand, 1)[-1].headers()] == ["dead-letter.redriven-from"]


def test_almost_a_megabyte_is_listed_shown_and_mended(hand: Handwork, tmp_path: Path) -> None:
    dead(hand, Written(0, b"k", b'{"x": "' + b"y" * 990_000 + b'"}'))
    (one,) = listed(hand, tmp_path)
    assert one["bytes"] == 990_009
    assert len(shown(hand, tmp_path, one["id"])) < 110_000
    mend = """sed 's/{/{"user_id":"u",/'"""
    assert redriven(hand.settings, tmp_path, "--all", "--filter", mend).returncode == 0
    assert len(arrived(hand, 0)[-1].value() or b"") == 990_009 + len(b'"user_id":"u",')


POINTS = ["redrive.after-records", "redrive.before-commit", "redrive.after-commit"]


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_and_run_again_no_letter_goes_twice_and_none_is_forgotten(
    hand: Handwork, tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead(hand, *(Written(n % 4, b"%d" % n, b"{") for n in range(20)))
    monkeypatch.setenv(VARIABLE, point)
    assert redriven(hand.settings, tmp_path, "--all", "--filter", MEND).returncode == -signal.SIGKILL
    monkeypatch.delenv(VARIABLE)

    done = redriven(hand.settings, tmp_path, "--all", "--filter", MEND)

    assert done.returncode == 0, done.stderr
    sent = [key for key, value in read(hand.settings, hand.topics.input) if value == b'{"user_id":7}']
    assert sorted(sent) == sorted(b"%d" % n for n in range(20))
    assert {one["state"] for one in listed(hand, tmp_path)} == {"redriven"}
