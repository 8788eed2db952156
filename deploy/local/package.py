"""The package in the virtual environment `.venv`."""

import hashlib
import subprocess
import sys
from pathlib import Path

from deploy.local.problem import Problem
from deploy.local.state import ROOT

VENV = ROOT / ".venv"
_STAMP = VENV / "installed"
_NO_NETWORK = (
    "NewConnectionError",
    "NameResolutionError",
    "Network is unreachable",
    "ConnectTimeoutError",
    "ProxyError",
)


def program(name: str) -> str:
    """Path of a program of the virtual environment."""
    return str(VENV / "bin" / name)


def is_installed() -> bool:
    """Tell whether it was installed from here with what pyproject.toml asks for now; the code itself is not copied."""
    return _installed() == (str(ROOT), _pyproject_hash())


def mark_installed() -> None:
    """Note in `.venv` what was installed: the scripts in it name the checkout's path."""
    _STAMP.write_text(f"{ROOT}\n{_pyproject_hash()}\n")


def install(log: Path) -> None:
    """Make `.venv` where there is none, and install the package so that it runs from the checkout."""
    moved = _STAMP.exists() and _installed()[0] != str(ROOT)
    if moved or not Path(program("python")).exists():
        _run([sys.executable, "-m", "venv", *(["--clear"] if moved else []), str(VENV)], log)
    _run([program("python"), "-m", "pip", "install", "--retries", "2", "--editable", str(ROOT)], log)
    mark_installed()


def _installed() -> tuple[str, str]:
    lines = _STAMP.read_text().splitlines() if _STAMP.exists() else []
    return (lines[0], lines[1]) if len(lines) == 2 else ("", "")


def _pyproject_hash() -> str:
    return hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()


def _run(command: list[str], log: Path) -> None:
    with log.open("ab") as output:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if done.returncode != 0:
        raise Problem(f"the package could not be installed in {VENV}: {_reason(log)} (all of it: {log})")


def _reason(log: Path) -> str:
    text = log.read_text(errors="replace")
    if any(sign in text for sign in _NO_NETWORK):
        return "no network, or a proxy that pip does not know of"
    errors = [line for line in text.splitlines() if line.startswith(("ERROR", "Error"))]
    return errors[-1] if errors else "it does not say why"
