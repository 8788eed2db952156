"""supervisord's XML-RPC over its Unix socket, with a time limit: a supervisord that hangs holds nobody up."""

import socket
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Literal
from xmlrpc.client import Error, Fault, ServerProxy, Transport

from msgspec import Struct

from processor.errors import Unavailable

WORKERS = "worker"  # the group of the workers in supervisord.conf

State = Literal["STOPPED", "STARTING", "RUNNING", "BACKOFF", "STOPPING", "EXITED", "FATAL", "UNKNOWN"]
ALIVE: frozenset[State] = frozenset({"STARTING", "RUNNING", "BACKOFF", "STOPPING"})

_CALL_SECONDS = 10.0
# What a process is already, or is no more, when it is asked for that: another one was quicker. (supervisor's Faults)
_OVERTAKEN = {60, 70}


class Process(Struct, frozen=True):
    """One supervised process; times are supervisord's clock, in seconds, 0 for never."""

    name: str
    group: str
    state: State
    pid: int
    started: int
    stopped: int
    now: int

    @property
    def full_name(self) -> str:
        """As supervisorctl takes it."""
        return self.name if self.name == self.group else f"{self.group}:{self.name}"

    @property
    def slot(self) -> int | None:
        """A worker's place on its host; None for the other processes."""
        number = self.name.removeprefix("worker-")
        return int(number) if self.group == WORKERS and number.isdecimal() else None


class Supervisor:
    """The supervisord of this host; every call raises Unavailable when it does not answer or can't do it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def processes(self) -> list[Process]:
        """Everything that it runs, in its order."""
        return [_process(each) for each in self._call("getAllProcessInfo")]

    def start(self, process: Process) -> None:
        """Have it started; returns at once."""
        self._call("startProcess", process.full_name, False)

    def stop(self, process: Process) -> None:
        """Have it drained and stopped; returns at once."""
        self._call("stopProcess", process.full_name, False)

    def renew(self, process: Process) -> None:
        """Have it drained; supervisord starts it again as soon as it has left, as it does with one that died."""
        self._call("signalProcess", process.full_name, "TERM")

    def _call(self, method: str, *arguments: Any) -> Any:
        # The address is never looked up: the transport knows the way.
        server = ServerProxy("http://supervisord", transport=_Transport(self._path), allow_none=True)
        try:
            with server:
                return getattr(server.supervisor, method)(*arguments)
        except Fault as problem:
            if problem.faultCode in _OVERTAKEN:
                return None
            asked = " ".join(str(argument) for argument in arguments)
            raise Unavailable(f"supervisord: {method} {asked}: {problem.faultString}") from problem
        except (OSError, HTTPException, Error) as problem:
            raise Unavailable(
                f"supervisord does not answer at {self._path} ({problem}): does it run on this host, as this user, and "
                "is that its socket? `scaler.supervisor_socket` names another"
            ) from problem


def _process(said: Mapping[str, Any]) -> Process:
    return Process(
        said["name"], said["group"], said["statename"], said["pid"], said["start"], said["stop"], said["now"]
    )


class _Transport(Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> HTTPConnection:
        connection = _Connection(str(host), self._path)
        self._connection = (host, connection)  # what Transport.close() closes
        return connection


class _Connection(HTTPConnection):
    def __init__(self, host: str, path: Path) -> None:
        super().__init__(host, timeout=_CALL_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            self.sock.settimeout(_CALL_SECONDS)
            self.sock.connect(str(self._path))
        except OSError:
            self.sock.close()
            raise
