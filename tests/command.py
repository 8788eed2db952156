"""Runs `data-processor …` as a person does: what it printed and how it ended."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from processor.settings import Settings
from tests import stack

PROGRAM = [sys.executable, "-m", "processor.cli"]


def run(
    settings: Settings, folder: Path, *arguments: str, given: bytes | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command with these settings until it ends; `given` is what it reads from a pipe."""
    environment = stack.environment(settings, folder)
    command = [*PROGRAM, *arguments]
    done = subprocess.run(
        command, cwd=stack.ROOT, env=environment, input=given, capture_output=True, check=False, timeout=300
    )
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


@contextmanager
def started(settings: Settings, folder: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a command that goes on while the test does something; it is killed when the test is done with it."""
    environment, pipe = stack.environment(settings, folder), subprocess.PIPE
    process = subprocess.Popen([*PROGRAM, *arguments], cwd=stack.ROOT, env=environment, stdout=pipe, stderr=pipe)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def only_line(text: str) -> str:
    """Fail unless it is one line."""
    (line,) = text.splitlines()
    return line
