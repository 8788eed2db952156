"""Who may ask the exporter, and TLS with them; each file is read again when it changes, so it can be renewed."""

import ssl
from contextlib import suppress
from hmac import compare_digest
from pathlib import Path
from socket import socket

from processor import log
from processor.errors import ConfigurationError
from processor.settings import ExporterSettings

OPEN = frozenset({"/healthz"})  # it says that the process lives and no more, to a balancer that knows no secret


class Admission:
    """With neither certificate nor token everybody may ask, in plaintext; raises ConfigurationError at the start."""

    def __init__(self, settings: ExporterSettings) -> None:
        self._settings = settings
        self._token = settings.token
        self._stamps = self._stamped()
        self._context = self._loaded() if settings.certificate_file else None

    def wrapped(self, connection: socket) -> socket:
        """The same with TLS, where there is a certificate; the handshake comes with the first byte that is read."""
        if self._context is None:
            return connection
        self._renew()
        return self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)

    def admits(self, path: str, authorization: str) -> bool:
        """Tell whether whoever sent this header may have this page; takes as long whatever it holds."""
        if path in OPEN or not self._token:
            return True
        if self._settings.token_file:
            with suppress(OSError, ValueError):  # while somebody writes it, the last one holds
                self._token = Path(self._settings.token_file).read_text(encoding="utf-8").strip() or self._token
                log.hide([self._token])
        return compare_digest(authorization.encode(), f"Bearer {self._token}".encode())

    def _renew(self) -> None:
        if (stamps := self._stamped()) == self._stamps or self._context is None:
            return
        self._stamps = stamps
        try:
            self._context = self._loaded()
            log.event("the exporter's certificate was renewed")
        except ConfigurationError as problem:  # the one before holds on until it expires
            log.error(f"the exporter's new certificate is not taken: {problem}")

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # An empty passphrase: OpenSSL would ask for one at the terminal.
            context.load_cert_chain(self._settings.certificate_file, self._settings.key_file or None, password="")
        except OSError as problem:
            reason = "no PEM files that match" if isinstance(problem, ssl.SSLError) else problem.strerror
            files = f"{self._settings.certificate_file} {self._settings.key_file}".strip()
            raise ConfigurationError(f"exporter.certificate_file, exporter.key_file: {files}: {reason}") from problem
        return context

    def _stamped(self) -> list[int]:
        """When the files were written last."""
        stamps = []
        for file in (self._settings.certificate_file, self._settings.key_file):
            with suppress(OSError):
                stamps += [Path(file).stat().st_mtime_ns] if file else []
        return stamps
