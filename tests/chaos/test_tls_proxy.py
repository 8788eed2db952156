"""TLS that ends at a proxy and begins anew: what passes is the same, and each side sees whom it should."""

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from random import Random

import pytest

from deploy.local.ports import LOOPBACK, pick_free
from deploy.tls.authority import Authority, Wanted
from tests.chaos.connection import Tls
from tests.chaos.echo import Echo, exactly, silent
from tests.chaos.proxy import Proxy
from tests.clusters import until


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("tls"))
    made.prepare()
    for name in ("echo", "proxy"):
        made.issue(Wanted(name, (LOOPBACK,)))
    made.issue(Wanted("elsewhere", ("elsewhere.example",)))
    return made


def server(authority: Authority, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.path(name))
    return context


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.trusted))


@pytest.fixture
def echo(authority: Authority) -> Iterator[Echo]:
    made = Echo(tls=server(authority, "echo"))
    yield made
    made.listener.close()


@pytest.fixture
def proxy(authority: Authority, echo: Echo) -> Iterator[Proxy]:
    tls = Tls(server(authority, "proxy"), trusting(authority))
    made = Proxy((LOOPBACK, pick_free(1)[0]), echo.address, tls)
    made.start()
    yield made
    made.stop()


def connected(proxy: Proxy, authority: Authority) -> ssl.SSLSocket:
    plain = socket.create_connection(proxy.listen, timeout=10)  # closed by the handshake, where that fails
    return trusting(authority).wrap_socket(plain, server_hostname=LOOPBACK)


def is_reset(connection: ssl.SSLSocket) -> bool:
    """Whether it was closed by RST, which TLS shows as an end like any other."""
    with closing(socket.socket(fileno=os.dup(connection.fileno()))) as beneath:
        beneath.settimeout(10)
        try:
            while beneath.recv(1000):
                pass
        except ConnectionResetError:
            return True
    return False


def works(proxy: Proxy, authority: Authority) -> bool:
    with closing(connected(proxy, authority)) as connection:
        connection.sendall(b"x")
        return exactly(connection, 1) == b"x"


def test_bytes_pass_unchanged_and_a_client_that_leaves_is_gone_on_the_other_side_too(
    proxy: Proxy, authority: Authority
) -> None:
    with closing(connected(proxy, authority)) as connection:
        for size in (1, 100_000, 17, 300_000):
            data = Random(size).randbytes(size)
            connection.sendall(data)
            assert exactly(connection, size) == data

    until(lambda: proxy.connections() == 0)


def test_cut_connections_are_reset_and_new_ones_are_taken(proxy: Proxy, authority: Authority) -> None:
    with closing(connected(proxy, authority)) as connection:
        connection.sendall(b"x")
        exactly(connection, 1)

        proxy.reset_connections()

        assert is_reset(connection)
        until(lambda: proxy.connections() == 0)
    assert works(proxy, authority)


def test_what_a_stall_held_arrives_even_when_its_client_is_gone(proxy: Proxy, echo: Echo, authority: Authority) -> None:
    with closing(connected(proxy, authority)) as connection:
        connection.sendall(b"x")
        exactly(connection, 1)
        proxy.stall()
        connection.sendall(b"late")
        assert silent(connection)
    assert echo.received == b"x"

    proxy.flow()

    until(lambda: echo.received == b"xlate" and proxy.connections() == 0)


def test_whoever_speaks_no_tls_or_does_not_trust_the_proxy_is_cut_and_the_next_one_is_taken(
    proxy: Proxy, echo: Echo, authority: Authority
) -> None:
    with closing(socket.create_connection(proxy.listen, timeout=10)) as plain:
        plain.sendall(b"hello, who is there?")
        while plain.recv(100):
            pass  # an alert, and the end
    with pytest.raises(ssl.SSLCertVerificationError), socket.create_connection(proxy.listen, timeout=10) as stranger:
        ssl.create_default_context().wrap_socket(stranger, server_hostname=LOOPBACK)

    assert works(proxy, authority)
    assert echo.received == b"x"


def test_a_client_is_cut_when_the_server_is_another_one_than_its_certificate_says(
    proxy: Proxy, authority: Authority
) -> None:
    proxy.upstream = Echo(tls=server(authority, "elsewhere")).address

    with closing(connected(proxy, authority)) as connection:
        assert is_reset(connection)


def test_another_certificate_is_shown_to_those_who_come_later(proxy: Proxy, authority: Authority) -> None:
    assert proxy.tls is not None
    with closing(connected(proxy, authority)) as earlier:
        proxy.tls.show(authority.path("elsewhere"))

        with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
            connected(proxy, authority)
        earlier.sendall(b"x")
        assert exactly(earlier, 1) == b"x"
    proxy.tls.show(authority.path("proxy"))
    assert works(proxy, authority)


def test_a_proxy_stops_though_somebody_stands_still_in_a_handshake(proxy: Proxy) -> None:
    with closing(socket.create_connection(proxy.listen, timeout=10)) as still:
        until(lambda: bool(proxy._arriving))

        proxy.stop()

        assert still.recv(1) == b""
