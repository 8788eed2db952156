"""What every benchmark's command does, with a benchmark that measures nothing."""

import argparse
import json
from pathlib import Path

import pytest
from msgspec import Struct
from rich.progress import Progress
from rich.table import Table

from benchmarks.rig import floors, results
from benchmarks.rig.command import Benchmark, Measured, run
from benchmarks.rig.failed import Failed
from benchmarks.rig.results import Results
from benchmarks.rig.spread import Spread, spread


class Row(Struct):
    size: int
    rate: Spread


def measured(options: argparse.Namespace, _progress: Progress) -> Measured:
    if options.logins == 0:
        raise Failed("the output is wrong")
    return Measured([Row(1, spread([1.23456, 2.0]))], {"ratio": options.logins / 3})


def drawn(found: Results, path: Path) -> None:
    path.write_text(found.benchmark)


def table(found: Results) -> Table:
    made = Table("rate")
    made.add_row(str(found.measured[0]["rate"]["median"]))
    return made


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--logins", type=int, default=3)


FAKE = Benchmark("fake", "Measures nothing.", options, measured, table, drawn)


@pytest.fixture(autouse=True)
def floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "floors.toml"
    path.write_text('[fake.ratio]\nat_most = 1.5\nwhy = "a promise"\n')
    read = floors.floors
    monkeypatch.setattr(floors, "floors", lambda name: read(name, path))


def test_results_say_what_was_measured_on_what_and_are_drawn(tmp_path: Path) -> None:
    assert run(FAKE, ["--results", str(tmp_path / "r"), "--logins", "2"]) == 0

    found = results.load(tmp_path / "r" / "fake.json")
    assert found.measured == [
        {"size": 1, "rate": {"median": 1.617, "least": 1.235, "most": 2.0, "values": [1.235, 2.0]}}
    ]
    assert found.figures == {"ratio": 0.667}
    assert found.options == {"logins": 2}
    assert {"cores", "processor", "memory_gb", "kernel", "system"} == found.machine.keys()
    assert "?" not in found.versions.values()
    assert (tmp_path / "r" / "fake.png").exists()


def test_json_is_all_that_is_printed_when_it_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(FAKE, ["--results", str(tmp_path), "--json"])

    assert json.loads(capsys.readouterr().out)["figures"] == {"ratio": 1.0}


def test_check_exits_1_and_names_the_floor_that_is_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(FAKE, ["--results", str(tmp_path), "--logins", "4", "--check"]) == 0
    assert run(FAKE, ["--results", str(tmp_path), "--logins", "6"]) == 0
    capsys.readouterr()

    assert run(FAKE, ["--results", str(tmp_path), "--logins", "6", "--check"]) == 1
    assert "ratio: 2, but it must be at most 1.5 (a promise)" in capsys.readouterr().err


def test_a_run_that_does_not_count_leaves_no_result_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(FAKE, ["--results", str(tmp_path / "r"), "--logins", "0"]) == 3

    assert capsys.readouterr().err.splitlines()[-1] == "benchmarks/fake: the output is wrong"
    assert not (tmp_path / "r").exists()


def test_a_developers_own_settings_do_not_reach_what_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_PROCESSOR_REDIS_PREFIX", "mine")
    seen: list[str] = []

    def look(given: argparse.Namespace, progress: Progress) -> Measured:
        import os  # noqa: PLC0415

        seen.extend(name for name in os.environ if name.startswith("DATA_PROCESSOR_"))
        return measured(given, progress)

    run(Benchmark("fake", "", options, look, table, drawn), ["--results", str(tmp_path)])

    assert seen == []
