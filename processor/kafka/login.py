"""Who we are to Kafka: a user, and a password that may change while we run."""

import time
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from time import monotonic
from typing import Protocol
from weakref import WeakSet

from msgspec import Struct

from processor import log
from processor.settings import KafkaProperties, KafkaSettings

PASSWORD_FILE = "sasl.password.file"  # noqa: S105 (its name): beside sasl.password, where that was read from a file
_PASSWORD = "sasl.password"  # noqa: S105 (the key)
_EVERY_SECONDS = 2.0


class Client(Protocol):
    """Any of librdkafka's."""

    def set_sasl_credentials(self, username: str, password: str) -> None:
        """Log in with these at each connection from now on."""


class Login:
    """Hands a changed password to clients that live: they log in with it at their next connection.

    A connection that is there stays; where the broker wants a login anew (connections.max.reauth.ms), it is with the
    new password, in place. A thread looks at the file: a call may wait inside librdkafka for this very login.
    """

    def __init__(self, settings: KafkaSettings, section: str = "client") -> None:
        given = merged(settings, section)
        self._user = str(given.get("sasl.username", ""))
        self._file = _file(given)
        self._clients: tuple[Client, ...] = ()
        self._handed = ""
        self._telling = Lock()  # nobody closes a client that is being told
        if self._file is not None:
            with _listing:
                _logins.add(self)
            _watch()

    def keep(self, *clients: Client) -> None:
        """From now on these are told, and no others; they are kept alive, until others are named, or none."""
        if self._file is not None:
            with self._telling:
                self._clients, self._handed = clients, ""
            self.renew()

    def renew(self) -> None:
        """Hand the password over if it has changed."""
        if self._file is None or (password := self._file.now()) == self._handed:
            return
        with self._telling:
            self._handed = password
            for client in self._clients:
                with suppress(RuntimeError):  # it was closed before others were named
                    client.set_sasl_credentials(self._user, password)

    def current(self) -> KafkaProperties:
        """What a client that is made now logs in with, on top of properties that may be old."""
        return {_PASSWORD: self._file.now()} if self._file else {}


def merged(settings: KafkaSettings, section: str) -> KafkaProperties:
    """What was given for every client, and on top what was given for those of a section."""
    own: KafkaProperties = getattr(settings, section)
    common = {key: value for key, value in settings.client.items() if key != PASSWORD_FILE or _PASSWORD not in own}
    return {**common, **own}


def logged_in(given: KafkaProperties) -> KafkaProperties:
    """The properties as librdkafka takes them: with the password of this moment instead of its file."""
    file = _file(given)
    own = {_PASSWORD: file.now()} if file else {}
    return {**{key: value for key, value in given.items() if key != PASSWORD_FILE}, **own}


class _File(Struct):
    """A password file as it was last read, for all clients of this process."""

    path: Path
    password: str
    due: float = 0.0
    trouble: str = ""

    def now(self) -> str:
        """Its password; the last one while the file can't be read, or is empty because somebody writes it."""
        if monotonic() >= self.due:
            self.due = monotonic() + _EVERY_SECONDS
            self._read()
        return self.password

    def _read(self) -> None:
        found = ""
        try:
            found = self.path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
            trouble = "" if found and "\0" not in found else "it is empty, or holds a zero byte"
        except (OSError, ValueError) as problem:
            trouble = (problem.strerror if isinstance(problem, OSError) else "") or "it is not UTF-8 text"
        if trouble and trouble != self.trouble:
            log.warning("Kafka's password file can't be used: the last password stays", file=self.path, why=trouble)
        elif not trouble and found != self.password:
            log.hide([found])
            log.event("Kafka's password has changed: connections from now on log in with it", file=self.path)
            self.password = found
        self.trouble = trouble


class _Process(Struct):
    """What holds for all clients of this process."""

    entered: bool = False
    watched: bool = False


_files: dict[str, _File] = {}
_logins: WeakSet[Login] = WeakSet()
_listing = Lock()
_process = _Process()


def entered() -> None:
    """Note that the brokers let us in."""
    _process.entered = True


def is_changing() -> bool:
    """Whether a refused login means that somebody changes the password: we were let in, and a file may say another."""
    return _process.entered and bool(_files)


def _file(given: KafkaProperties) -> _File | None:
    path = str(given.get(PASSWORD_FILE, ""))
    return _files.setdefault(path, _File(Path(path), str(given.get(_PASSWORD, "")))) if path else None


def _watch() -> None:
    if not _process.watched:
        _process.watched = True
        Thread(target=_look, name="password", daemon=True).start()


def _look() -> None:
    while True:
        time.sleep(_EVERY_SECONDS)
        with _listing:
            logins = list(_logins)
        for login in logins:
            login.renew()
