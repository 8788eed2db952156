import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from processor.parent import die_with_parent, is_foster

CHILD = """
import os, signal
from processor.parent import die_with_parent
die_with_parent(os.environ)
print("born", flush=True)
signal.pause()
"""

PARENT = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}])
child.wait()
"""


@contextmanager
def parent_and_child(**environ: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A parent whose child has said that it was born, and holds the pipe open as long as it lives."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=os.environ | environ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"born\n"
        yield process


def ends_within(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Whether nobody holds the pipe any more."""
    assert process.stdout
    readable, _, _ = select.select([process.stdout], [], [], seconds)
    return bool(readable) and process.stdout.read() == b""


def child_of(process: "subprocess.Popen[bytes]") -> int:
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_a_supervised_process_dies_with_its_supervisor_even_by_kill_9() -> None:
    with parent_and_child(SUPERVISOR_ENABLED="1") as parent:
        parent.kill()

        assert ends_within(parent, 20)


def test_another_process_outlives_its_parent() -> None:
    with parent_and_child() as parent:
        child = child_of(parent)

        parent.kill()
        parent.wait()

        os.kill(child, 0)  # it is there
        os.kill(child, signal.SIGKILL)
        assert ends_within(parent, 20)


def test_without_a_supervisor_nothing_happens() -> None:
    die_with_parent({})


@pytest.mark.parametrize(
    ("parent", "command", "foster"),
    [
        (1, "init", True),
        (1, "tini", True),
        (900, "systemd", True),
        (1, "systemd", True),
        (1, "supervisord", False),
        (1, "python3.11", False),
        (4711, "supervisord", False),
        (4711, "", False),
    ],
)
def test_an_orphan_is_known_by_who_took_it_in(parent: int, command: str, foster: bool) -> None:
    assert is_foster(parent, command) is foster
