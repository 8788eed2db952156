"""The exporter's port, for friend and foe: few connections, a limit to each one's time, and a limited pace."""

import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Lock
from time import monotonic, sleep
from typing import Any

from processor.errors import ConfigurationError
from processor.exporter.admission import Admission
from processor.log import error

_CONNECTIONS = 16  # at a time; when one more comes, the oldest has to go
_SECONDS = 10.0  # of one, from its first byte to its last
_SILENT_SECONDS = 3.0  # without a byte
_PACE_SECONDS = 0.01  # between two: whoever hammers at the port gets a hundred answers a second

Page = Callable[[str], tuple[HTTPStatus, str, bytes]]
"""What stands at a path: asked with the Accept header, it answers with status, content type and text."""


class Server(ThreadingHTTPServer):
    """Serves pages, each connection in a thread, of which there are few; raises ConfigurationError."""

    request_queue_size = 64

    def __init__(self, host: str, port: int, pages: Mapping[str, Page], admission: Admission) -> None:
        self.pages = pages
        self.admission = admission
        self._open: dict[socket.socket, float] = {}
        self._lock = Lock()
        try:
            self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            super().__init__((host, port), _Handler)
        except OSError as problem:
            raise ConfigurationError(
                f"exporter.host, exporter.port: can't listen on {host} port {port}: {problem.strerror}"
            ) from problem

    def server_bind(self) -> None:
        """As it is, but for the question to a name server that HTTPServer asks on the way."""
        TCPServer.server_bind(self)

    def get_request(self) -> tuple[socket.socket, Any]:
        """The next connection; its handshake is its own thread's."""
        connection, address = super().get_request()
        connection.settimeout(_SILENT_SECONDS)
        return self.admission.wrapped(connection), address

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection."""
        sleep(_PACE_SECONDS)
        with self._lock:
            oldest = next(iter(self._open)) if len(self._open) >= _CONNECTIONS else None
            self._open[request] = monotonic()
        if oldest is not None:
            self._cut(oldest)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """One is over."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Cut off who takes too long; called twice a second."""
        with self._lock:
            late = [request for request, since in self._open.items() if monotonic() - since > _SECONDS]
        for request in late:
            self._cut(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 (the server's own signature)
        """A client that went away, or was cut off, is no news; a mistake of ours is."""
        problem = sys.exception() if sys.version_info >= (3, 12) else sys.exc_info()[1]
        if not isinstance(problem, OSError):
            error("a request could not be answered", why=repr(problem))

    def _cut(self, request: socket.socket) -> None:
        """End a connection under its thread, which then ends by itself."""
        with self._lock:
            self._open.pop(request, None)
        with suppress(OSError):
            socket.socket.shutdown(request, socket.SHUT_RDWR)  # under TLS, too: its own would upset the thread


class _Handler(BaseHTTPRequestHandler):
    """Answers one request and closes the connection."""

    server: Server
    timeout = _SILENT_SECONDS

    def do_GET(self) -> None:
        """A page."""
        self._answer(with_text=True)

    def do_HEAD(self) -> None:
        """What would be said of it."""
        self._answer(with_text=False)

    def version_string(self) -> str:
        """Nobody needs to know what serves this."""
        return "data-processor"

    def log_message(self, *_: object) -> None:
        """Requests are no news."""

    def _answer(self, *, with_text: bool) -> None:
        path = self.path.partition("?")[0]
        page = self.server.pages.get(path)
        if not self.server.admission.admits(path, self.headers.get("Authorization", "")):
            self.send_response(HTTPStatus.UNAUTHORIZED)
            self.send_header("WWW-Authenticate", "Bearer")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if page is None:
            return self.send_error(HTTPStatus.NOT_FOUND, explain=f"there is {', '.join(self.server.pages)}")
        status, content_type, text = page(self.headers.get("Accept", ""))
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if with_text:
            self.wfile.write(text)
        return None
