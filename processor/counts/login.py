"""Who we are to Redis: a user, and a password that may change while we run."""

from contextlib import suppress
from pathlib import Path

from redis.credentials import CredentialProvider

from processor import log
from processor.errors import ConfigurationError


class Login(CredentialProvider):
    """Asked with each new connection: a password file is read again each time, so that a password can be changed.

    While the file can't be read, or is empty because somebody writes it, the last password stays. Raises
    ConfigurationError for a file that can't be read at the start; `key` is the setting that names it.
    """

    def __init__(self, username: str, password: str, file: str, key: str) -> None:
        self._username = username
        self._password = password
        self._file = file
        if not file:
            return
        try:
            self._password = _read(file) or password
        except (OSError, ValueError) as problem:
            raise ConfigurationError(f"{key} {file} can't be read: {problem}") from problem

    @property
    def given(self) -> bool:
        """Whether there is anything to log in with."""
        return bool(self._username or self._password)

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """What AUTH takes."""
        if self._file:
            with suppress(OSError, ValueError):
                self._password = _read(self._file) or self._password
                log.hide([self._password])
        return (self._username, self._password) if self._username else (self._password,)


def _read(file: str) -> str:
    return Path(file).read_text(encoding="utf-8").rstrip("\r\n")
