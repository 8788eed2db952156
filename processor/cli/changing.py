"""New values for letters: by a command that gets each on its stdin, or by a person with an editor."""

import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from shutil import which

from processor.errors import ConfigurationError
from processor.kafka.letters import Letter
from processor.letters.returns import Stays
from processor.letters.text import visible


class Filter:
    """A command, run without a shell; what it prints is the new value. Raises ConfigurationError when it is none."""

    def __init__(self, command: str, seconds: float) -> None:
        self._arguments = _words(command, "--filter")
        self._seconds = seconds

    def __call__(self, _letter: Letter, value: bytes | None) -> bytes | Stays | None:
        """Run it; a letter at which it fails stays."""
        try:
            done = subprocess.run(
                self._arguments, input=value or b"", capture_output=True, check=False, timeout=self._seconds
            )
        except subprocess.TimeoutExpired:
            return Stays("the filter did not end in time", f"{self._seconds:g} s")
        except OSError as problem:
            return Stays("the filter could not be started", str(problem))
        if done.returncode != 0:
            said = done.stderr.strip().split(b"\n")[-1][:200]
            return Stays("the filter failed", f"exit code {done.returncode}{': ' if said else ''}{visible(said)}")
        return done.stdout


class Editor:
    """A person's editor, opened on each value; raises ConfigurationError when there is none."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        name = environ.get("VISUAL") or environ.get("EDITOR")
        if not name:
            raise ConfigurationError("--edit: set VISUAL or EDITOR to the editor that is to be opened")
        self._arguments = _words(name, "VISUAL or EDITOR")

    def __call__(self, letter: Letter, value: bytes | None) -> bytes | Stays | None:
        """Open it; a letter that is closed as it was stays, and so does one whose editor fails."""
        with tempfile.TemporaryDirectory(prefix="dead-letter-") as folder:  # only its owner can look into it
            path = Path(folder) / f"letter-{letter.id.partition}-{letter.id.offset}.json"
            path.write_bytes(value or b"")
            try:
                code = subprocess.run([*self._arguments, str(path)], check=False).returncode
            except OSError as problem:
                return Stays("the editor could not be started", str(problem))
            if code != 0:
                return Stays("the editor failed", f"exit code {code}")
            edited = path.read_bytes() if path.exists() else b""
        return Stays("closed without a change") if edited == (value or b"") else edited


def _words(command: str, option: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as problem:
        raise ConfigurationError(f"{option}: {command!r} can't be read: {problem}") from problem
    if not words or which(words[0]) is None:
        raise ConfigurationError(f"{option}: there is no command {words[0] if words else command!r}")
    return words
