"""One connection through a proxy, whose two directions may be held or delayed."""

import asyncio
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol, cast

Address = tuple[str, int]
Through = Callable[[bytes], bytes]

HELD_BYTES = 16 * 2**20  # of a connection's direction: beyond, its sender has to wait
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


@dataclass(frozen=True)
class Tls:
    """TLS on both sides of a proxy: what it shows to clients, and whom it takes for a server."""

    shown: ssl.SSLContext
    trusting: ssl.SSLContext

    def show(self, certificate: Path) -> None:
        """Show this one, a file with its key, to whoever comes from now on."""
        self.shown.load_cert_chain(certificate)


@dataclass
class Lane:
    """One direction of all connections."""

    held: bool = False
    seconds: float = 0.0  # everything arrives so much later


class End(asyncio.Protocol):
    """One end of a connection: what arrives here goes on to the other end."""

    transport: asyncio.Transport | None = None
    other: "End"

    def __init__(self, connection: "Connection", lane: Lane) -> None:
        self.through: Through | None = None  # sees all that arrives, and says what goes on
        self._connection = connection
        self._lane = lane
        self._waiting: deque[tuple[float, bytes | None]] = deque()  # when it is due; None: no more will come
        self._size = 0
        self._throttled = False
        self._halves = True  # whether it may go on sending after the other end's last byte: TLS ends as a whole

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Know where to write."""
        self.transport = cast("asyncio.Transport", transport)
        self._halves = transport.get_extra_info("sslcontext") is None
        self._connection.made(self)

    def data_received(self, data: bytes) -> None:
        """Hand it on, now or later."""
        if self.through is not None:
            data = self.through(data)
        if data:
            self.carry(data)

    def eof_received(self) -> bool:
        """Tell the other end, behind all that is still under way to it."""
        self.carry(None)
        return self._halves

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Tell the other end in the same way; what came before still arrives."""
        self.transport = None
        self.carry(None)
        self._connection.lost()

    def carry(self, data: bytes | None) -> None:
        """Bring bytes, or the end of them, to the other end as this direction's lane allows."""
        if not (self._waiting or self._lane.held or self._lane.seconds):
            return self._deliver(data)
        self._waiting.append((monotonic() + self._lane.seconds, data))
        self._size += len(data or b"")
        self._adjust()
        if not self._lane.held:
            asyncio.get_running_loop().call_later(self._lane.seconds, self.flow)
        return None

    def flow(self) -> None:
        """Let go what is due."""
        while self._waiting and not self._lane.held and self._waiting[0][0] <= monotonic():
            data = self._waiting.popleft()[1]
            self._size -= len(data or b"")
            self._deliver(data)
        if self._waiting and not self._lane.held:
            asyncio.get_running_loop().call_later(max(0.0, self._waiting[0][0] - monotonic()), self.flow)
        self._adjust()

    def drop(self) -> None:
        """Close this end by RST; what was held is lost."""
        self._waiting.clear()
        if self.transport is not None:
            with suppress(OSError, AttributeError):  # its peer was quicker; under TLS, the socket is gone then
                self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            self.transport.abort()

    def throttle(self, on: bool) -> None:
        """Stop reading while the other end does not take more."""
        self._throttled = on
        self._adjust()

    def pause_writing(self) -> None:
        """More is written to this end than it takes."""
        self.other.throttle(True)

    def resume_writing(self) -> None:
        """It took it."""
        self.other.throttle(False)

    def _adjust(self) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        if self._throttled or self._size > HELD_BYTES:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _deliver(self, data: bytes | None) -> None:
        transport = self.other.transport
        if transport is None or transport.is_closing():
            return
        if data is None:
            transport.close()
        else:
            transport.write(data)


class Owner(Protocol):
    """What a connection needs of its proxy."""

    upstream: Address
    tls: Tls | None
    to_server: Lane
    to_client: Lane

    def opened(self, connection: "Connection") -> None:
        """A client came."""

    def closed(self, connection: "Connection") -> None:
        """Both ends are gone."""


class Connection:
    """A client's connection, and the one made for it to the server."""

    def __init__(self, proxy: Owner) -> None:
        self._proxy = proxy
        self.client = End(self, proxy.to_server)
        self.server = End(self, proxy.to_client)
        self.client.other, self.server.other = self.server, self.client
        self._linking: asyncio.Task[None] | None = None

    def made(self, end: End) -> None:
        """Go on to the server as soon as the client is here."""
        if end is self.client:
            self._proxy.opened(self)
            end.throttle(True)
            self._linking = asyncio.get_running_loop().create_task(self._link())
        else:
            self.client.throttle(False)

    def lost(self) -> None:
        """Forget the connection when both of its ends are gone."""
        if self.client.transport is None and self.server.transport is None:
            self._proxy.closed(self)

    def reset(self) -> None:
        """Close both ends by RST."""
        if self._linking is not None:
            self._linking.cancel()
        self.client.drop()
        self.server.drop()

    async def _link(self) -> None:
        try:
            trusting = self._proxy.tls.trusting if self._proxy.tls else None
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: self.server, *self._proxy.upstream, ssl=trusting)
        except OSError:
            self.client.drop()
