import subprocess
import sys
import time

import pytest

from benchmarks.rig import cpu, memory, threads
from benchmarks.rig.failed import Failed
from benchmarks.rig.stopwatch import Stopwatch

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"
WAIT = "print('done', flush=True)\ninput()\n"


@pytest.mark.parametrize(
    "program",
    [
        BURN + WAIT,
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}])\n" + WAIT,
        f"import subprocess, sys\np = subprocess.Popen([sys.executable, '-c', {BURN + WAIT!r}], stdin=-1, stdout=-1)\n"
        "p.stdout.readline()\n" + WAIT,
    ],
    ids=["its own", "of a child that ended", "of a child that lives"],
)
def test_cpu_of_a_process_includes_its_children(program: str) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        spent = cpu.seconds(process.pid)
        size = memory.resident_mb(process.pid)
        peak = memory.peak_mb(process.pid)
        by_thread = threads.seconds(process.pid)
        process.communicate("\n")

    assert spent >= 0.28  # ticks are a hundredth of a second
    assert 1 < size <= peak
    assert set(by_thread) == {threads.MAIN}
    assert cpu.seconds(process.pid) == 0.0


def test_only_what_was_used_in_between_is_accounted() -> None:
    assert cpu.between({"worker": 1.5}, {"worker": 4.0}) == {"worker": 2.5}


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_a_stage_is_not_charged_with_what_it_calls() -> None:
    stopwatch = Stopwatch()
    inner = stopwatch.timed("inner", lambda: burn(0.04))

    def both() -> None:
        inner()
        burn(0.02)
        inner()

    stopwatch.timed("outer", both)()

    assert stopwatch.cpu["inner"] >= 0.08e9
    assert 0.02e9 <= stopwatch.cpu["outer"] < stopwatch.cpu["inner"]
    assert stopwatch.elapsed["inner"] >= stopwatch.cpu["inner"] * 0.9


def test_a_function_that_raises_is_timed_all_the_same() -> None:
    stopwatch = Stopwatch()

    def fail() -> None:
        burn(0.01)
        raise KeyError("x")

    with pytest.raises(KeyError):
        stopwatch.timed("stage", fail)()

    assert stopwatch.cpu["stage"] >= 0.01e9


def test_a_stage_that_moved_is_named() -> None:
    with pytest.raises(Failed, match=r"benchmarks.rig.cpu:Gone.turn is not there any more"):
        Stopwatch().wrap("stage", "benchmarks.rig.cpu:Gone.turn")
