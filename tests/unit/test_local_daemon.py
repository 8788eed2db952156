"""Processes that outlive their starter are found again, and never confused with others."""

import os
from pathlib import Path

import pytest

from deploy.local.daemon import Daemon, start_time
from deploy.local.problem import Problem


@pytest.fixture
def sleeper(tmp_path: Path) -> Daemon:
    return Daemon("sleeper", tmp_path / "sleeper.pid", tmp_path / "sleeper.log", dies_with_parent=True)


def test_a_started_process_is_found_by_its_pid_file_alone(sleeper: Daemon, tmp_path: Path) -> None:
    sleeper.start(["sleep", "60"], os.environ, tmp_path)

    found = Daemon("sleeper", sleeper.pid_file, sleeper.output)

    assert found.pid is not None
    sleeper.stop(seconds=60)
    assert found.pid is None


@pytest.mark.parametrize("own_session", [True, False])
def test_ctrl_c_reaches_no_daemon_in_whatever_session(sleeper: Daemon, tmp_path: Path, *, own_session: bool) -> None:
    sleeper.own_session = own_session

    sleeper.start(["sleep", "60"], os.environ, tmp_path)

    try:
        assert sleeper.pid is not None
        assert os.getpgid(sleeper.pid) == sleeper.pid  # a terminal's signals go to its foreground group
        assert os.getsid(sleeper.pid) == (sleeper.pid if own_session else os.getsid(0))
    finally:
        sleeper.kill()


def test_a_process_that_has_a_dead_ones_pid_is_not_ours(sleeper: Daemon) -> None:
    started = start_time(os.getpid())
    assert started is not None
    sleeper.pid_file.write_text(f"{os.getpid()} {started - 1}\n")

    assert sleeper.pid is None
    sleeper.kill()  # would be the end of this test


def test_a_process_that_ignores_sigterm_is_killed(sleeper: Daemon, tmp_path: Path) -> None:
    sleeper.start(["sh", "-c", "trap '' TERM; echo deaf; sleep 60"], os.environ, tmp_path)
    sleeper.wait_until(lambda: "deaf" in sleeper.output.read_text(), seconds=60)

    sleeper.stop(seconds=0.2)

    assert sleeper.pid is None


def test_a_process_that_ends_while_starting_is_a_problem_with_its_last_words(sleeper: Daemon, tmp_path: Path) -> None:
    sleeper.start(["sh", "-c", "echo first; echo out of memory"], os.environ, tmp_path)

    with pytest.raises(Problem, match="sleeper ended while starting: out of memory"):
        sleeper.wait_until(lambda: False, seconds=60)


def test_a_process_with_a_log_of_its_own_ends_with_the_last_error_in_it(tmp_path: Path) -> None:
    log = tmp_path / "broker.log"
    daemon = Daemon("Kafka", tmp_path / "pid", tmp_path / "out", log=log, dies_with_parent=True)
    log.write_text("ERROR of the process before\n")
    words = f"echo output; echo 'ERROR no quorum' >> {log}; echo INFO end >> {log}"
    daemon.start(["sh", "-c", words], os.environ, tmp_path)

    with pytest.raises(Problem, match=f"Kafka ended while starting: ERROR no quorum .*{log}"):
        daemon.wait_until(lambda: False, seconds=60)


def test_the_errors_of_the_process_before_are_not_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "broker.log"
    daemon = Daemon("Kafka", tmp_path / "pid", tmp_path / "out", log=log, dies_with_parent=True)
    log.write_text("ERROR of the process before\n")
    daemon.start(["sh", "-c", "echo the output"], os.environ, tmp_path)

    with pytest.raises(Problem, match="Kafka ended while starting: the output"):
        daemon.wait_until(lambda: False, seconds=60)
