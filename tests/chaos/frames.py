"""Kafka's frames, as far as a proxy has to know them: where one ends, what it asks, which answer belongs to it.

Sources: the Kafka protocol guide, "Protocol Primitives" and "Headers".
"""

import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import ExitStack
from enum import IntEnum
from typing import NamedTuple

LENGTH = 4  # bytes that say how long the rest of a frame is
REQUEST_HEADER = struct.Struct(">ihhi")  # length, key, version, correlation id
RESPONSE_HEADER = struct.Struct(">ii")  # length, correlation id
THROTTLED_ANSWER = struct.Struct(">iiih")  # length, correlation id, throttle time, error

Keep = Callable[[bytes], None]  # takes a whole frame that was taken out of its stream
Judge = Callable[[bytes], Keep | None]  # looks at a frame's header: None lets it pass


class ApiKey(IntEnum):
    """The requests that faults are about."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    API_VERSIONS = 18
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28


class Way(NamedTuple):
    """How to reach a server; with TLS, who comes is known by a certificate."""

    address: tuple[str, int]
    tls: ssl.SSLContext | None = None


class Request(NamedTuple):
    """A request's header."""

    key: int
    version: int
    correlation: int


class Frames:
    """Cuts a stream where its frames begin: what passes is handed on at once, however it was divided on its way."""

    def __init__(self, header_size: int, judge: Judge) -> None:
        self._header_size = header_size
        self._judge = judge
        self._header = b""  # of the frame that begins, as far as it came
        self._left = 0  # bytes of the frame under way that did not come yet
        self._kept: list[bytes] = []  # what came of a frame that is taken out
        self._keep: Keep | None = None

    def feed(self, data: bytes) -> bytes:
        """Take what came next; returns what goes on."""
        if self._keep is None and self._left >= len(data):  # amidst a large frame
            self._left -= len(data)
            return data
        passed: list[bytes] = []
        at = 0
        while at < len(data):
            if self._left:
                piece = data[at : at + self._left]
                self._left -= len(piece)
            else:
                piece = data[at : at + self._header_size - len(self._header)]
                self._begin(piece)
            at += len(piece)
            self._carry(piece, passed)
        return b"".join(passed)

    def _begin(self, piece: bytes) -> None:
        self._header += piece
        if len(self._header) == self._header_size:
            self._left = LENGTH + int.from_bytes(self._header[:LENGTH]) - self._header_size
            self._keep = self._judge(self._header)

    def _carry(self, piece: bytes, passed: list[bytes]) -> None:
        if 0 < len(self._header) < self._header_size:
            return  # not judged yet
        if self._header:
            piece, self._header = self._header, b""
        if self._keep is None:
            passed.append(piece)
            return
        self._kept.append(piece)
        if not self._left:
            frame, keep = b"".join(self._kept), self._keep
            self._kept, self._keep = [], None
            keep(frame)


def request(header: bytes) -> Request:
    """Read a request's header."""
    return Request(*REQUEST_HEADER.unpack(header)[1:])


def correlation(header: bytes) -> int:
    """Which request a response answers."""
    return int(RESPONSE_HEADER.unpack(header)[1])


def error(answer: bytes) -> int:
    """The error of an answer that has it behind the throttle time, such as EndTxn's up to version 4."""
    return int(THROTTLED_ANSWER.unpack_from(answer)[3])


def ask(way: Way, frame: bytes, seconds: float = 10.0) -> bytes:
    """Send a request on a connection of its own; its answer, whole."""
    with ExitStack() as ends:
        connection: socket.socket = ends.enter_context(socket.create_connection(way.address, timeout=seconds))
        if way.tls is not None:
            connection = ends.enter_context(way.tls.wrap_socket(connection, server_hostname=way.address[0]))
        answers = ends.enter_context(connection.makefile("rb"))
        connection.sendall(frame)
        length = answers.read(LENGTH)
        return length + answers.read(int.from_bytes(length))
