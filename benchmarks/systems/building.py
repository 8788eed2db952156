"""Builds peers from the registries into `.local/peers`, once for each state of their sources."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import confluent_kafka

from benchmarks.rig.failed import Failed
from benchmarks.rig.servers import ROOT

SOURCES = Path(__file__).resolve().parent
_INTO = ROOT / ".local" / "peers"
_MAVEN_COMPILE = "org.apache.maven.plugins:maven-compiler-plugin:compile"
_MAVEN_JARS = "org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies"


def jvm(name: str) -> Path:
    """Compile a Maven project and fetch its jars: the folder has `classes` and `jars`."""
    _require("mvn", "maven")
    _require("javac", "openjdk-17-jdk-headless")
    pom = str(SOURCES / name / "pom.xml")
    # By their full names: short ones have to be looked up, and without a network that fails with a riddle.
    command = ["mvn", "--batch-mode", "--file", pom, _MAVEN_COMPILE, _MAVEN_JARS]
    return _once(name, lambda into: [[*command, f"-Dbuild={into}"]])


def python(name: str) -> Path:
    """Make a virtual environment of its own with a requirements.txt: the path of its Python."""
    requirements = str(SOURCES / name / "requirements.txt")
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement", requirements]
    made = _once(
        name,
        lambda into: [[sys.executable, "-m", "venv", str(into)], [str(into / "bin" / "python"), *install]],
    )
    return made / "bin" / "python"


def c(name: str) -> Path:
    """Compile one C file against the very librdkafka that confluent-kafka brings: the path of the program."""
    _require("gcc", "gcc libc6-dev")
    if not Path("/usr/include/librdkafka/rdkafka.h").exists():
        raise Failed("librdkafka's header is missing: apt-get install librdkafka-dev")
    folder = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    library = next(folder.glob("librdkafka-*.so*"), None)
    if library is None:
        raise Failed(f"confluent-kafka was not installed from a wheel: there is no librdkafka in {folder}")
    source = str(SOURCES / name / f"{name}.c")
    link = [f"-L{folder}", f"-l:{library.name}", f"-Wl,-rpath,{folder}"]
    made = _once(name, lambda into: [["gcc", "-O2", "-Wall", "-Wextra", source, "-o", str(into / name), *link]])
    return made / name


def fingerprint(folder: Path) -> str:
    """What was built from what, with which Python and which client: a virtual environment names the first's path."""
    parts = [path.name.encode() + path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]
    around = f"{sys.executable}{confluent_kafka.__file__}{confluent_kafka.version()}".encode()
    return hashlib.sha256(b"\0".join([*parts, around])).hexdigest()


def _once(name: str, commands: Callable[[Path], Sequence[Sequence[str]]]) -> Path:
    """Run the commands unless they have made this folder from these sources; it appears whole or is made again."""
    into, log = _INTO / name, _INTO / f"{name}.log"
    stamp, wanted = into / "sources.sha256", fingerprint(SOURCES / name)
    if stamp.exists() and stamp.read_text() == wanted:
        return into
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    with log.open("wb") as output:
        for command in commands(into):
            if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False).returncode:
                raise Failed(f"{name} could not be built: {_reason(log)} (all of it: {log})")
    stamp.write_text(wanted)
    return into


def _require(program: str, packages: str) -> None:
    if shutil.which(program) is None:
        raise Failed(f"{program} is missing: install it (on Debian or Ubuntu, as root: apt-get install {packages})")


def _reason(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    errors = [line for line in lines if "ERROR" in line or "error" in line]
    return (errors or lines or ["it does not say why"])[0]
