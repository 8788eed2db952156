"""`data-processor dead-letters purge` on a real Kafka, and what the audit says of it."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from processor.audit.findings import Verdict
from processor.faults import VARIABLE
from processor.settings import Settings
from tests import command
from tests.audited import audited
from tests.handwork import Handwork, Written
from tests.pool import bounds, read

MEND = """sed 's/.*/{"user_id":7}/'"""


@pytest.fixture
def hand(quick: Settings) -> Handwork:
    """A pool by hand with some dead letters: three of `json` and one of `empty` in each partition, in this order."""
    made = Handwork(quick)
    made.begin()
    made.feed(20, 0)
    for partition in range(4):
        for value in (b"{", b"{", b"{", b""):
            made.send(made.topics.input, Written(partition, None, value))
    made.flush()
    made.work()
    made.publish()
    return made


def purged(hand: Handwork, folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return command.run(hand.settings, folder, "dead-letters", "purge", *options)


def lows(hand: Handwork) -> list[int]:
    return [low for _, (low, _) in sorted(bounds(hand.settings, hand.topics.dead_letters).items())]


def report(hand: Handwork, folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    done = command.run(hand.settings, folder, "audit", "--json", *options)
    return done.returncode, json.loads(done.stdout)


def test_what_is_purged_goes_is_written_down_and_is_no_difference(hand: Handwork, tmp_path: Path) -> None:
    redriving = ("dead-letters", "redrive", "0:0", "0:1", "--filter", MEND, "--yes")
    assert command.run(hand.settings, tmp_path, *redriving).returncode == 0

    done = purged(hand, tmp_path, "--through", "0:2", "--through", "1:0", "--reason", "json", "--yes")

    assert done.returncode == 0, done.stderr
    assert "4 dead letters go; never redriven: 2" in done.stdout
    assert lows(hand) == [3, 1, 0, 0]
    code, found = report(hand, tmp_path, "--no-baseline")
    assert (code, found["dead_letters"], found["dead_letters_redriven"], found["dead_letters_purged"]) == (0, 12, 2, 4)
    text = command.run(hand.settings, tmp_path, "audit").stdout
    assert "Dead letters redriven: 2; purged, and no difference: 4." in text

    assert purged(hand, tmp_path, "--all", "--yes").returncode == 0  # the markers of before, too
    assert read(hand.settings, hand.topics.dead_letters) != [], "markers only"
    listed = command.run(hand.settings, tmp_path, "dead-letters", "list")
    assert listed.stdout == "No dead letters.\n"
    code, found = report(hand, tmp_path, "--full")
    assert (code, found["dead_letters"], found["dead_letters_purged"]) == (0, 0, 16), found
    code, found = report(hand, tmp_path)
    assert (code, found["since"]) == (0, "baseline")
    status = command.run(hand.settings, tmp_path, "status", "--json")
    assert json.loads(status.stdout)["dead_letters"] == {"records": 0, "exact": True}
    gone = command.run(hand.settings, tmp_path, "dead-letters", "show", "0:0")
    assert gone.returncode == 5
    assert "not there any more: purged" in command.only_line(gone.stderr)


def test_a_letter_that_is_missing_without_having_been_purged_is_lost_all_the_same(
    hand: Handwork, tmp_path: Path
) -> None:
    hand.send(hand.topics.input, Written(0, None, b"[1]"))
    hand.send(hand.topics.input, Written(0, None, b"["))
    hand.flush()
    hand.work(letters=lambda written: written.pop(0))
    hand.publish()

    assert purged(hand, tmp_path, "--all", "--yes").returncode == 0

    code, found = report(hand, tmp_path)
    assert (code, found["differences"], found["dead_letters_purged"]) == (1, {"dead-letter-lost": 1}, 17)


def test_what_retention_deleted_stays_unknown(hand: Handwork, tmp_path: Path) -> None:
    assert purged(hand, tmp_path, "--through", "0:0", "--yes").returncode == 0
    hand.delete_before(hand.topics.dead_letters, {0: 2})
    assert report(hand, tmp_path)[0] == 3
    assert purged(hand, tmp_path, "--through", "0:2", "--yes").returncode == 0
    assert audited(hand.settings).findings.verdict is Verdict.UNKNOWN


def test_letters_of_another_reason_are_not_taken_along(hand: Handwork, tmp_path: Path) -> None:
    done = purged(hand, tmp_path, "--before", "0s", "--reason", "json", "--yes")
    assert done.returncode == 5
    assert "with them would go 4 empty" in command.only_line(done.stderr)
    for options in (("--all", "--dry-run"), ("--before", "1h", "--yes")):
        assert purged(hand, tmp_path, *options).returncode == 0
    assert purged(hand, tmp_path, "--all").returncode != 0, "nobody said yes"
    assert purged(hand, tmp_path, "--all", "--before", "1h").returncode == 2
    assert lows(hand) == [0, 0, 0, 0]


def test_a_purge_that_was_killed_is_finished_by_the_next(
    hand: Handwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "purge.after-marker")
    assert purged(hand, tmp_path, "--through", "2:1", "--yes").returncode == -signal.SIGKILL
    monkeypatch.delenv(VARIABLE)
    assert lows(hand) == [0, 0, 0, 0]
    assert report(hand, tmp_path, "--no-baseline")[0] == 0

    done = purged(hand, tmp_path, "--through", "3:0", "--yes")

    assert "A purge that was interrupted is finished now." in done.stdout
    assert lows(hand) == [0, 0, 2, 1]
    code, found = report(hand, tmp_path)
    assert (code, found["dead_letters"], found["dead_letters_purged"]) == (0, 13, 3)
