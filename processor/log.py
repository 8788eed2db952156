"""One line an event, to stderr: JSON for machines, readable on a terminal; a line never holds a process up.

`start` once a process, then `event`, `warning` and `error` with a sentence and its facts; none may come from a login.
"""

import json
import logging
import os
import stat
import sys
import threading
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any

_LOG = logging.getLogger("processor")
_SHORTEST_SECRET = 4  # hiding shorter ones would garble every line


def start(process: str, secrets: Iterable[str] = ()) -> None:
    """Send all logging of this process, librdkafka's and uncaught errors included, to stderr under this name."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    handler = Stderr(sys.stderr.fileno())
    handler.setFormatter(Readable(process, secrets) if sys.stderr.isatty() else JsonLines(process, secrets))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda died: _uncaught(died.exc_type, died.exc_value, died.exc_traceback)


def hide(secrets: Iterable[str]) -> None:
    """Strike these out of every later line, in whatever message they turn up."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, Lines):
            handler.formatter.hide(secrets)


def event(sentence: str, **facts: object) -> None:
    """Record what happened; facts keep their types in JSON."""
    _LOG.info(sentence, extra={"facts": facts})


def warning(sentence: str, **facts: object) -> None:
    """Record what a person should look at when there is time."""
    _LOG.warning(sentence, extra={"facts": facts})


def error(sentence: str, **facts: object) -> None:
    """Record what stops this process or needs a person."""
    _LOG.error(sentence, extra={"facts": facts})


def _uncaught(kind: type[BaseException], problem: BaseException | None, trace: TracebackType | None) -> None:
    if problem is None or issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    _LOG.critical("Ended by an error nobody foresaw", exc_info=(kind, problem, trace))


class Lines(logging.Formatter):
    """What both forms share: the process's name and the secrets that never appear."""

    def __init__(self, process: str, secrets: Iterable[str]) -> None:
        super().__init__()
        self._process = process
        self._hidden: list[str] = []
        self.hide(secrets)

    def hide(self, secrets: Iterable[str]) -> None:
        """Strike these out from now on, also as JSON spells them."""
        spelt = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1])}
        self._hidden = sorted({*self._hidden, *(s for s in spelt if len(s) >= _SHORTEST_SECRET)}, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line without secrets."""
        line = self.line(record)
        for secret in self._hidden:
            line = line.replace(secret, "***")
        return line

    def line(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        raise NotImplementedError


class JsonLines(Lines):
    """One JSON object a line: time (UTC), level, process, event, and the facts."""

    def line(self, record: logging.LogRecord) -> str:
        """Return the record as one JSON object."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, Any] = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "process": self._process,
            "event": record.getMessage(),
        }
        if record.name != _LOG.name:
            fields["logger"] = record.name
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        facts = {name: value for name, value in getattr(record, "facts", {}).items() if name not in fields}
        return json.dumps(fields | facts, default=str)


class Readable(Lines):
    """Local time, process, sentence, and the facts behind it."""

    def line(self, record: logging.LogRecord) -> str:
        """Return the record as a person reads it."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        level = "" if record.levelno == logging.INFO else f"{record.levelname} "
        facts = "".join(f"  {name}={value}" for name, value in getattr(record, "facts", {}).items())
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{clock} {self._process}  {level}{record.getMessage()}{facts}{trace}"


class Stderr(logging.Handler):
    """Writes whole lines to a file descriptor; into a full pipe nothing, but it says afterwards how many were lost.

    supervisord may be busy or stopped: a worker that waited for it would stand still with its partitions.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._owed = b""  # the rest of a line that went out in part
        self._lost = 0
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            os.set_blocking(descriptor, False)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, or count it as lost."""
        try:
            line = self.format(record)
        except Exception:  # a sentence that can't be formatted must not end the process
            line = f"a log line of {record.name} could not be formatted"
        self._owed = self._rest_of(self._owed)
        if self._owed:
            self._lost += 1
        else:
            self._send(f"{line}\n")

    def close(self) -> None:
        """At the end of the process: say what was lost, if anybody reads again."""
        self._owed = self._rest_of(self._owed)
        if self._lost and not self._owed:
            self._send("")
        super().close()

    def _send(self, line: str) -> None:
        whole = (self._loss() + line).encode(errors="replace")
        rest = self._rest_of(whole)
        if rest == whole:
            self._lost += bool(line)
        else:
            self._owed, self._lost = rest, 0

    def _loss(self) -> str:
        if not self._lost:
            return ""
        record = logging.makeLogRecord({"name": _LOG.name, "levelno": logging.WARNING, "levelname": "WARNING"})
        record.msg, record.facts = "Log lines were lost because nobody read them", {"lines": self._lost}
        return f"{self.format(record)}\n"

    def _rest_of(self, text: bytes) -> bytes:
        """Write what can be written at once, and return what can't."""
        try:
            return text[os.write(self._descriptor, text) :] if text else text
        except OSError:  # full, or the reader is gone
            return text
