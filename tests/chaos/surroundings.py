"""Where and of what a run is: told in its report."""

import os
import platform
import subprocess
from pathlib import Path


def machine() -> str:
    """Say what it runs on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, {system}"


def revision() -> str:
    """What ran, as git names it; nothing outside of a checkout."""
    asked = ["git", "describe", "--always", "--dirty"]
    found = subprocess.run(asked, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return found.stdout.strip()
