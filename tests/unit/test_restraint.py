import json
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.restraint import Restraint, pause_seconds

HOLD = """
import sys
from processor import log
from processor.restraint import Restraint
log.start("p")
restraint = Restraint(sys.argv[1], "p")
restraint.hold()
"""


def die(directory: Path, *, settle: bool = False) -> None:
    """One run of a process that is killed."""
    code = HOLD + ("restraint.settled();" if settle else "") + "import os; os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", code, directory], check=False, stderr=subprocess.DEVNULL)
    assert done.returncode == -signal.SIGKILL


def deaths(directory: Path) -> int:
    path = directory / "p.deaths"
    return int(path.read_text()) if path.exists() else 0


@contextmanager
def running(directory: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that is being held back."""
    with subprocess.Popen([sys.executable, "-c", HOLD, directory], stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def said(process: "subprocess.Popen[str]") -> dict[str, object]:
    """Its next line."""
    assert process.stderr
    line: dict[str, object] = json.loads(process.stderr.readline())
    return line


def test_the_first_deaths_cost_nothing_then_the_pause_doubles_up_to_a_minute() -> None:
    assert [pause_seconds(n, 0.0) for n in range(10)] == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]


@given(st.integers(0, 10**30), st.floats(0, 1))
def test_a_pause_is_within_a_quarter_of_its_full_length_and_never_above_a_minute(deaths: int, share: float) -> None:
    full = pause_seconds(deaths, 0.0)

    assert 0.75 * full <= pause_seconds(deaths, share) <= full <= 60


@given(st.integers(0, 100))
def test_a_pause_never_shrinks_with_more_deaths(deaths: int) -> None:
    assert pause_seconds(deaths, 0.0) <= pause_seconds(deaths + 1, 0.0)


def test_a_killed_run_is_remembered_and_a_settled_one_is_not(tmp_path: Path) -> None:
    die(tmp_path)
    assert deaths(tmp_path) == 1

    die(tmp_path, settle=True)
    assert deaths(tmp_path) == 0


def test_who_keeps_dying_is_held_back_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "p.deaths").write_text("9")

    with running(tmp_path) as process:
        line = said(process)

        assert line["event"] == "held back, because earlier runs died early"
        assert 45 <= cast("float", line["seconds"]) <= 60
        assert deaths(tmp_path) == 10  # a kill -9 while waiting counts too
        assert process.poll() is None


@pytest.mark.parametrize("content", [b"", b"many", b"-5", b"\xff\x00", b"9" * 5000])
def test_a_corrupt_memory_starts_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.deaths").write_bytes(content)

    Restraint(str(tmp_path), "p").hold()

    assert deaths(tmp_path) == 1


def test_each_process_has_a_memory_of_its_own_that_only_its_user_reads(tmp_path: Path) -> None:
    run_directory = tmp_path / "made" / "when missing"
    Restraint(str(run_directory), "worker-00").hold()
    Restraint(str(run_directory), "worker-01").hold()
    Restraint(str(run_directory), "worker-01").settled()

    assert [path.name for path in run_directory.iterdir()] == ["worker-00.deaths"]
    assert stat.S_IMODE((run_directory / "worker-00.deaths").stat().st_mode) == 0o600


def test_settling_twice_is_settling_once(tmp_path: Path) -> None:
    restraint = Restraint(str(tmp_path), "p")
    restraint.hold()

    restraint.settled()
    restraint.settled()

    assert deaths(tmp_path) == 0


def test_where_nothing_can_be_remembered_each_start_waits(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")

    with running(tmp_path / "a file" / "run") as process:
        assert said(process)["event"] == "can't remember deaths: waiting before each start"
        assert said(process)["seconds"] == 10
