"""Kafka's jars, by Maven, into a folder."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from deploy.local.problem import Problem

POM = Path(__file__).resolve().parents[1] / "kafka" / "pom.xml"
_PAUSES = (0.0, 3.0, 10.0)  # seconds before each try
_NO_NETWORK = ("Unknown host", "UnknownHost", "Network is unreachable", "Connection refused", "timed out")


def jars_folder(state: Path) -> Path:
    """Find where they are: in the state folder, unless the environment's KAFKA_JARS names another that is shared."""
    return Path(os.environ.get("KAFKA_JARS", "") or state / "jars").resolve()


def are_fetched(folder: Path) -> bool:
    """Tell whether the folder holds what pom.xml asks for now."""
    stamp = folder / "pom.sha256"
    return stamp.exists() and stamp.read_text() == _pom_hash()


def fetch(folder: Path, log: Path) -> None:
    """Download them with all they need; the folder appears whole or not at all, also when several ask at once."""
    if are_fetched(folder):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the others wait, and find that it was done
        if not are_fetched(folder):
            _download(folder, log)


def _download(folder: Path, log: Path) -> None:
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [
        "mvn",
        "--batch-mode",
        "--update-snapshots",  # also asks again for what was refused before: Maven remembers that for a day
        "--file",
        str(POM),
        # By its full name: the short one has to be looked up, and without a network that fails with a riddle.
        "org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies",
        f"-DoutputDirectory={partial}",
    ]
    if not _maven(command, log):
        raise Problem(f"Maven could not fetch Kafka's jars: {_reason(log)} (all of it: {log})")
    (partial / "pom.sha256").write_text(_pom_hash())
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _maven(command: list[str], log: Path) -> bool:
    """Whether Maven succeeded at last; of three hundred files one may be refused for a moment, and the rest is kept."""
    for pause in _PAUSES:
        time.sleep(pause)
        with log.open("wb") as output:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
        if done.returncode == 0:
            return True
    return False


def _pom_hash() -> str:
    return hashlib.sha256(POM.read_bytes()).hexdigest()


def _reason(log: Path) -> str:
    text = log.read_text(errors="replace")
    if any(sign in text for sign in _NO_NETWORK):
        return "no network, or a proxy that Maven does not know of (its settings.xml)"
    errors = [line for line in text.splitlines() if line.startswith("[ERROR]")]
    return errors[0].removeprefix("[ERROR] ") if errors else "it does not say why"
