"""Real flushers, each on a host of its own."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

from msgspec.structs import replace

from processor.settings import Settings
from tests import stack
from tests.flushing import until


class Flusher:
    """A real `data-processor flusher`; its log is read back as a list of events."""

    def __init__(self, settings: Settings, folder: Path, crash_at: str = "") -> None:
        name = f"flusher-{random.getrandbits(32):08x}"  # on a host of its own
        own = replace(settings, host=name, run_directory=str(folder / name))
        self._log = folder / f"{name}.log"
        environ = stack.environment(own, folder) | {"DATA_PROCESSOR_CRASH_AT": crash_at}
        command = [sys.executable, "-m", "processor.cli", "flusher"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)

    def __enter__(self) -> "Flusher":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def events(self) -> list[str]:
        lines = self._log.read_text().splitlines()
        return [json.loads(line)["event"] if line.startswith("{") else line for line in lines]

    def log(self) -> str:
        return self._log.read_text()

    def said(self, text: str) -> int:
        return sum(text in event for event in self.events())

    def await_said(self, text: str, seconds: float = 300.0, times: int = 1) -> None:
        until(lambda: self.said(text) >= times, seconds, lambda: "\n".join(self.events()))

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self, seconds: float = 300.0) -> int:
        """Its exit code, once it has ended by itself."""
        return self.process.wait(seconds)
