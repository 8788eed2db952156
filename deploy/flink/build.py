"""The jars of Flink and the classes of deploy/flink/java, by Maven, into a folder."""

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

from deploy.local.problem import Problem

HERE = Path(__file__).resolve().parent
_COMPILE = "org.apache.maven.plugins:maven-compiler-plugin:compile"
_JARS = "org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies"


def built(state: Path) -> Path:
    """Find the folder with `classes` and `jars`, made anew when the sources changed; one at a time may make it."""
    folder = state / "flink"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name("flink.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp, wanted = folder / "sources.sha256", _sources()
        if not stamp.exists() or stamp.read_text() != wanted:
            _build(folder)
            stamp.write_text(wanted)
    return folder


def classpath(folder: Path) -> str:
    """What Java needs to run any part of Flink with our function."""
    return f"{folder / 'classes'}:{folder / 'jars'}/*"


def _build(folder: Path) -> None:
    for program, package in (("mvn", "maven"), ("javac", "openjdk-17-jdk-headless")):
        if shutil.which(program) is None:
            raise Problem(f"{program} is missing: install it (on Debian or Ubuntu, as root: apt-get install {package})")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log = folder / "maven.log"
    command = ["mvn", "--batch-mode", "--file", str(HERE / "pom.xml"), _COMPILE, _JARS, f"-Dbuild={folder}"]
    with log.open("wb") as output:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if done.returncode:
        errors = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("[ERROR]")]
        raise Problem(
            f"Maven could not build deploy/flink: {(errors or ['it does not say why'])[0]} (all of it: {log})"
        )


def _sources() -> str:
    parts = [path.name.encode() + path.read_bytes() for path in [HERE / "pom.xml", *sorted(HERE.rglob("*.java"))]]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
