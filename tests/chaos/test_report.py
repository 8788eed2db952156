"""The report of a run: sound only when everything is, and telling it in the same words to people and machines."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.chaos.report import Injected, Mutant, Report
from tests.chaos.verdict import Verdict

KILL = Injected("kill worker", 1, 5.0, 2.0)


def report() -> Report:
    verdict = Verdict()
    verdict.totals = {"logins": 1_234_567, "malformed": 99}
    faults = [KILL, replace(KILL, seconds=3.0), replace(KILL, seconds=4.0), Injected("kill broker", 9, 30.0, 12.5)]
    return Report(7, verdict, faults, began=datetime(2026, 11, 22, 23, 0, tzinfo=UTC))


def inexact() -> Verdict:
    verdict = Verdict()
    verdict.add("lost", "login d-1 of input partition 0 offset [5]", times=3)
    return verdict


def test_a_run_in_which_all_went_well_is_sound() -> None:
    assert report().sound
    assert json.loads(report().to_json())["sound"]
    assert report().to_text().startswith("SOUND: seed 7")


@pytest.mark.parametrize(
    "flaw",
    [
        {"verdict": inexact()},
        {"injected": [replace(KILL, seconds=None)]},
        {"leaks": ["process 5 is known to no supervisor"]},
        {"broken": ["kill worker: there was none"]},
        {"mutants": [Mutant("no-cas", "no compare and set", ())]},
    ],
)
def test_whatever_went_wrong_makes_it_unsound(flaw: dict[str, object]) -> None:
    assert not replace(report(), **flaw).sound  # type: ignore[arg-type]  # each flaw fits its field


def test_faults_are_told_by_kind_in_the_order_of_their_table() -> None:
    kinds = [(kind.name, kind.count, kind.fastest, kind.typical, kind.slowest) for kind in report().kinds()]

    assert kinds == [("kill worker", 3, 2.0, 3.0, 4.0), ("kill broker", 1, 12.5, 12.5, 12.5)]


def test_a_difference_is_told_with_its_examples_as_they_are() -> None:
    told = replace(report(), verdict=inexact()).to_text()

    assert "NOT EXACT" in told
    assert "partition 0 offset [5]" in told


def test_both_forms_are_written_under_date_and_seed(tmp_path: Path) -> None:
    path = report().write(tmp_path)

    assert path.name == "2026-11-22-seed-7.txt"
    assert "1,234,567" in path.read_text()
    assert json.loads(path.with_suffix(".json").read_text())["verdict"]["totals"]["logins"] == 1_234_567


def test_a_server_that_ended_by_itself_is_told_and_no_flaw_of_the_pool() -> None:
    told = replace(report(), ends=["broker 1 ended by itself: out of memory"])

    assert told.sound
    assert "broker 1 ended by itself" in told.to_text()
    assert json.loads(told.to_json())["ends"] == ["broker 1 ended by itself: out of memory"]
