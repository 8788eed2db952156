"""What this machine must have: disk, ports, and programs, which apt brings where it may."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.local import ports
from deploy.local.problem import Problem
from deploy.local.progress import step

LEAST_FREE_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Program:
    """A program, the least version that serves, and the Debian packages that hold it, the preferred first."""

    name: str
    version_option: str
    version_pattern: str
    least: tuple[int, ...]
    packages: tuple[str, ...]

    @property
    def wanted(self) -> str:
        """As a person would say it."""
        return f"{self.name} {'.'.join(map(str, self.least))} or newer"

    def is_there(self) -> bool:
        """Tell whether it is installed and new enough."""
        if shutil.which(self.name) is None:
            return False
        done = subprocess.run([self.name, self.version_option], capture_output=True, text=True, check=False)
        found = re.search(self.version_pattern, done.stdout + done.stderr)
        return found is not None and tuple(map(int, found.groups())) >= self.least


# Kafka 4 runs on Java 17 and newer; Debian and Ubuntu differ in which of them they have.
JAVA = Program("java", "-version", r'version "(\d+)', (17,), ("openjdk-21-jre-headless", "openjdk-17-jre-headless"))
MAVEN = Program("mvn", "--version", r"Apache Maven (\d+)\.(\d+)", (3, 6), ("maven",))
REDIS = Program("redis-server", "--version", r"v=(\d+)\.(\d+)", (7, 0), ("redis-server",))
OPENSSL = Program("openssl", "version", r"OpenSSL (\d+)\.(\d+)", (1, 1), ("openssl",))
PROMETHEUS = Program("prometheus", "--version", r"version (\d+)\.(\d+)", (2, 42), ("prometheus",))
ALERTMANAGER = Program(
    "prometheus-alertmanager", "--version", r"version (\d+)\.(\d+)", (0, 25), ("prometheus-alertmanager",)
)
NODE_EXPORTER = Program(
    "prometheus-node-exporter", "--version", r"version (\d+)\.(\d+)", (1, 5), ("prometheus-node-exporter",)
)
REDIS_EXPORTER = Program(
    "prometheus-redis-exporter", "-version", r"v?(\d+)\.(\d+)", (1, 16), ("prometheus-redis-exporter",)
)
MONITORING = (PROMETHEUS, ALERTMANAGER, NODE_EXPORTER, REDIS_EXPORTER)
_SERVICES = {REDIS: "redis-server", **{program: program.name for program in MONITORING}}
_TRIES = ("-o", "Acquire::Retries=5")


def check_disk(folder: Path) -> None:
    """Refuse to begin what a full disk would end half-way."""
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise Problem(f"only {free // 1_000_000:,} MB are free in {folder.resolve()}: the stack needs 1,000 MB")


def check_port(port: int, purpose: str, option: str) -> None:
    """Refuse a port that another process listens on."""
    if not ports.is_free(port):
        raise Problem(f"port {port} on {ports.LOOPBACK}, for {purpose}, is in use: choose another with {option}")


def install(programs: list[Program], log: Path) -> None:
    """Bring what is missing by apt, as root or with sudo; else say in one line what to install."""
    missing = [program for program in programs if not program.is_there()]
    if not missing:
        return
    wanted = " and ".join(program.wanted for program in missing)
    if shutil.which("apt-get") is None or (os.geteuid() != 0 and shutil.which("sudo") is None):
        packages = " ".join(program.packages[-1] for program in missing)
        raise Problem(f"{wanted} is missing: install it (on Debian or Ubuntu, as root: apt-get install {packages})")
    with step(f"{', '.join(program.name for program in missing)} by apt-get", log):
        _as_root(["apt-get", *_TRIES, "update"], log)
        _as_root(["apt-get", *_TRIES, "install", "--yes", "--no-install-recommends", *map(_available, missing)], log)
        for service in (_SERVICES[program] for program in missing if program in _SERVICES):
            _leave_to_us(service, log)
    if still := [program.wanted for program in missing if not program.is_there()]:
        raise Problem(f"{' and '.join(still)} is needed, and this system's packages are older (see {log})")


def _available(program: Program) -> str:
    for package in program.packages:
        known = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False).stdout
        if "Candidate:" in known and "Candidate: (none)" not in known:
            return package
    raise Problem(f"apt knows no package for {program.wanted}: tried {', '.join(program.packages)}")


def _leave_to_us(service: str, log: Path) -> None:
    """Stop the system's server that a package has just started, now and at boot: it holds the port that we want."""
    _as_root(["service", service, "stop"], log, must_succeed=False)
    _as_root(["update-rc.d", service, "disable"], log, must_succeed=False)


def _as_root(command: list[str], log: Path, *, must_succeed: bool = True) -> None:
    # sudo passes few variables on: env sets them behind it. It asks for its password on the terminal, not on stdin.
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive", *command]
    with log.open("ab") as output:
        done = subprocess.run(
            quiet if os.geteuid() == 0 else ["sudo", *quiet],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    if must_succeed and done.returncode != 0:
        raise Problem(f"`{' '.join(command)}` failed; no network? (see {log})")
