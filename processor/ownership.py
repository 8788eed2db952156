"""Sees to it that every partition has an owner, which the group alone does not (see kafka/unowned.py)."""

import subprocess
import sys
from contextlib import suppress
from time import monotonic

from msgspec import json

from processor.errors import Exit, Refused
from processor.log import event
from processor.outage import Outage
from processor.settings import Settings

_EVERY_SECONDS = 20.0


class OwnershipWatch:
    """Has looked, every now and then, for partitions that nobody has, and never waits for the answer."""

    def __init__(self, settings: Settings, every_seconds: float = _EVERY_SECONDS) -> None:
        self._settings = json.encode(settings)
        self._every = every_seconds
        self._next = monotonic() + every_seconds
        self._outage = Outage("looking for partitions that nobody has")
        self._asked: subprocess.Popen[bytes] | None = None

    def turn(self) -> None:
        """Begin a look, or hear what became of the last one; one that failed is followed by the next."""
        if self._asked is None and monotonic() >= self._next:
            self._asked = self._begin()
        elif self._asked is not None and self._asked.poll() is not None:
            said, _ = self._asked.communicate()
            code, self._asked, self._next = self._asked.returncode, None, monotonic() + self._every
            self._hear(code, said)

    def _hear(self, code: int, said: bytes) -> None:
        """A look that is refused is told of; another that failed is only followed by the next."""
        if code == Exit.REFUSED:
            self._outage.failed(Refused(said.decode()))
        elif code == Exit.OK:
            self._outage.ended()
            if found := json.decode(said, type=list[int]):
                event("partitions that nobody had were divided anew", partitions=found)

    def close(self) -> None:
        """End a look that is under way."""
        if self._asked is not None:
            self._asked.kill()
            self._asked.communicate()

    def _begin(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "processor.kafka.unowned"]
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        begun = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere)
        if begun.stdin is not None:
            with suppress(BrokenPipeError), begun.stdin as told:  # it has died: that will be heard
                told.write(self._settings)  # a few kilobytes: the pipe takes them at once
            begun.stdin = None
        return begun
