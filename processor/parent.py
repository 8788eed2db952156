"""A supervised process ends with its supervisor: orphans would work on beside their successors."""

import ctypes
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from processor.errors import Exit

_PR_SET_PDEATHSIG = 1  # prctl(2)


def is_supervised(environ: Mapping[str, str]) -> bool:
    """Tell whether supervisord started this process."""
    return "SUPERVISOR_ENABLED" in environ


def die_with_parent(environ: Mapping[str, str]) -> None:
    """Have the kernel kill this process when its supervisor dies; without a supervisor, or off Linux, do nothing."""
    if is_supervised(environ):
        end_with_parent()


def end_with_parent() -> None:
    """Have the kernel kill this process when the one that started it dies; off Linux, do nothing."""
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Who died before that call sends no signal; its children were given to process 1 or to a service manager.
    if os.getppid() != parent or is_foster(parent, _command(parent)):
        raise SystemExit(Exit.OK)


def is_foster(parent: int, command: str) -> bool:
    """Tell whether a parent is one that takes in orphans. In a container supervisord itself may be process 1."""
    return (parent == 1 and not command.startswith(("supervisord", "python"))) or command == "systemd"


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/comm").read_text().strip()
    except OSError:
        return ""
