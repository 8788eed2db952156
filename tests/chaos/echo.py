"""A server for the tests of proxies, and what its clients look at."""

import socket
import ssl
import threading
from contextlib import closing

from deploy.local.ports import LOOPBACK

QUIET = 0.3  # so long nothing comes, where nothing should


class Echo:
    """Answers every byte with itself, or first says who it is."""

    def __init__(self, greeting: bytes = b"", tls: ssl.SSLContext | None = None) -> None:
        self.greeting = greeting
        self.listener = socket.create_server((LOOPBACK, 0))
        self.address = self.listener.getsockname()
        self._tls = tls
        self.resets = 0
        self.received = bytearray()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        try:
            served = self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
        except OSError:
            return  # a client that does not take us for whom it wants
        with closing(served):
            try:
                served.sendall(self.greeting)
                while data := served.recv(65_536):
                    self.received += data
                    served.sendall(data)
            except OSError:
                self.resets += 1


def exactly(connection: socket.socket, count: int) -> bytes:
    data = bytearray(count)
    at = 0
    while at < count:
        came = connection.recv_into(memoryview(data)[at:])
        assert came, "the connection ended"
        at += came
    return bytes(data)


def silent(connection: socket.socket) -> bool:
    connection.settimeout(QUIET)
    try:
        return not connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(10)
