import os
import signal
import subprocess
import sys

REACH_IT_THREE_TIMES = """
import os
from processor.faults import arm, reach
arm(os.environ)
for time in (1, 2, 3):
    reach("here")
    print(time, flush=True)
"""


def run(**environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", REACH_IT_THREE_TIMES]
    return subprocess.run(command, check=False, env=environ, capture_output=True, text=True)


def test_nothing_happens_at_a_point_that_is_not_armed() -> None:
    for environ in ({}, {"DATA_PROCESSOR_CRASH_AT": ""}, {"DATA_PROCESSOR_CRASH_AT": "elsewhere"}):
        ended = run(**environ)
        assert (ended.returncode, ended.stdout.split()) == (0, ["1", "2", "3"])


def test_an_armed_point_kills_the_first_time() -> None:
    ended = run(DATA_PROCESSOR_CRASH_AT="here")
    assert (ended.returncode, ended.stdout.split()) == (-signal.SIGKILL, [])


def test_an_armed_point_kills_at_the_time_that_was_asked_for() -> None:
    ended = run(DATA_PROCESSOR_CRASH_AT="here:3")
    assert (ended.returncode, ended.stdout.split()) == (-signal.SIGKILL, ["1", "2"])


def test_an_armed_point_stops_once_where_stopping_was_asked_for() -> None:
    command = [sys.executable, "-c", REACH_IT_THREE_TIMES]
    process = subprocess.Popen(command, env={"DATA_PROCESSOR_CRASH_AT": "here:2:STOP"}, stdout=subprocess.PIPE)

    _, status = os.waitpid(process.pid, os.WUNTRACED)

    assert os.WIFSTOPPED(status)
    process.send_signal(signal.SIGCONT)
    assert process.communicate(timeout=300)[0].split() == [b"1", b"2", b"3"]
    assert process.returncode == 0
