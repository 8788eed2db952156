"""What a result was measured on."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

import confluent_kafka

from benchmarks.rig import cpu
from benchmarks.rig.servers import ROOT
from deploy.local.jars import POM

_LIBRARIES = ("confluent-kafka", "msgspec", "redis", "hiredis")


def machine() -> dict[str, object]:
    """The hardware and the system, as far as figures depend on them."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": cpu.cores(),
        "processor": _processor(),
        "memory_gb": round(memory / 1e9, 1),
        "kernel": platform.release(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
    }


def versions() -> dict[str, str]:
    """What ran."""
    libraries = {name: version(name) for name in _LIBRARIES}
    return libraries | {
        "python": platform.python_version(),
        "librdkafka": confluent_kafka.libversion()[0],
        "kafka": _kafka(),
        "redis-server": _said("v=([0-9.]+)", "redis-server", "--version"),
        "java": _said(r'version "([^"]+)"', "java", "-version"),
    }


def commit() -> str:
    """The commit that was measured, with a + where files differ from it."""
    return _said("(.+)", "git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*")


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _kafka() -> str:
    found = re.search(r"<kafka.version>(.+)</kafka.version>", POM.read_text())
    return found[1] if found else "?"


def _said(pattern: str, *command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "?"
