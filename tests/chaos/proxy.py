"""A TCP proxy whose connections can be held, delayed and cut; it understands nothing of what it carries.

One thread for all connections of a proxy: while nothing is wrong, what arrives at one end is written to the other.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

from tests.chaos.connection import Address, Connection, Lane, Tls

Answer = TypeVar("Answer")


class Proxy:
    """Listens at one address and hands every connection on to another; its methods are for any thread."""

    def __init__(self, listen: Address, upstream: Address, tls: Tls | None = None) -> None:
        self.listen = listen
        self.tls = tls  # None: what passes is carried as it is
        self.upstream = upstream  # where new connections go
        self.to_server, self.to_client = Lane(), Lane()
        self._connections: set[Connection] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listener: socket.socket | None = None
        self._arriving: set[asyncio.Task[object]] = set()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Return when it listens; raises OSError when it can't."""
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name=f"proxy {self.listen}", daemon=True)
        self._thread.start()
        try:
            self.do(self._listen)
        except OSError:
            self.stop()
            raise

    def stop(self) -> None:
        """Close everything, by RST: as a machine that is gone. `start` begins anew."""
        if self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    def connections(self) -> int:
        """How many are open now."""
        return len(self._connections)

    def reset_connections(self) -> None:
        """Close all now, by RST; new ones are taken."""
        self.do(self._reset)

    def stall(self, to_server: bool = True, to_client: bool = True) -> None:
        """Hold all bytes of one or both directions; nothing is closed, and none is lost but those of connections cut.

        What a client sent arrives even when the client gave its connection up meanwhile.
        """
        self.do(lambda: self._hold(to_server, to_client))

    def flow(self) -> None:
        """Let everything go on: what was held first, and without delay from now on."""
        self.do(self._flow)

    def delay(self, seconds: float) -> None:
        """Have all bytes of both directions arrive so much later; 0 ends it."""
        self.do(lambda: self._delay(seconds))

    def do(self, what: Callable[[], Answer]) -> Answer:
        """Run something in the proxy's own thread, where connections may be touched; what it returned."""
        assert self._loop is not None, "the proxy is not started"
        done: Future[Answer] = Future()
        self._loop.call_soon_threadsafe(lambda: _settle(done, what))
        return done.result()

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Run something in the proxy's own thread, from which this is called, so much later."""
        asyncio.get_running_loop().call_later(seconds, what)

    def opened(self, connection: Connection) -> None:
        """A client came: its connection may be given something to look through."""
        self._connections.add(connection)

    def closed(self, connection: Connection) -> None:
        """Both ends of a connection are gone."""
        self._connections.discard(connection)

    def _listen(self) -> None:
        # Not asyncio's own server: one that is closed forgets a connection that it accepted at the same moment.
        self._listener = socket.create_server(self.listen, backlog=512)
        self._listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            client, _ = listener.accept()
        except OSError:  # it is gone again
            return
        client.setblocking(False)
        arriving: asyncio.Task[object] = loop.create_task(
            loop.connect_accepted_socket(lambda: Connection(self).client, client, ssl=self.tls and self.tls.shown)
        )
        self._arriving.add(arriving)
        arriving.add_done_callback(self._arrived)

    def _arrived(self, arriving: asyncio.Task[object]) -> None:
        self._arriving.discard(arriving)
        if not arriving.cancelled():
            arriving.exception()  # a client that does not trust us, or is no client of TLS, is its own affair

    async def _end(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
        while self._connections or self._arriving:
            self._reset()
            for arriving in list(self._arriving) if self.tls else ():
                arriving.cancel()  # its handshake may be with somebody who stands still
            await asyncio.sleep(0)

    def _reset(self) -> None:
        for connection in list(self._connections):
            connection.reset()

    def _hold(self, to_server: bool, to_client: bool) -> None:
        self.to_server.held, self.to_client.held = to_server, to_client

    def _delay(self, seconds: float) -> None:
        self.to_server.seconds = self.to_client.seconds = seconds

    def _flow(self) -> None:
        self._hold(False, False)
        self._delay(0.0)
        for connection in list(self._connections):
            connection.client.flow()
            connection.server.flow()


def _settle(done: "Future[Answer]", what: Callable[[], Answer]) -> None:
    try:
        done.set_result(what())
    except Exception as problem:  # it belongs to the thread that asked
        done.set_exception(problem)
