"""What a proxy does to bytes, for anything that listens: an echo here, so that nothing but the proxy is tested."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from random import Random
from time import monotonic

import pytest

from deploy.local.ports import LOOPBACK, pick_free
from tests.chaos.echo import Echo, exactly, silent
from tests.chaos.proxy import Proxy
from tests.clusters import until


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.listener.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    proxy = Proxy((LOOPBACK, pick_free(1)[0]), echo.address)
    proxy.start()
    yield proxy
    proxy.stop()


def connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(proxy.listen, timeout=10)


def test_a_lot_of_bytes_pass_unchanged_both_ways_at_once(proxy: Proxy) -> None:
    data = Random(1).randbytes(30_000_000)
    with closing(connected(proxy)) as connection:
        threading.Thread(target=connection.sendall, args=(data,), daemon=True).start()

        assert exactly(connection, len(data)) == data


def test_a_client_that_leaves_is_gone_on_the_other_side_too(proxy: Proxy) -> None:
    with closing(connected(proxy)) as connection:
        connection.sendall(b"x")
        assert exactly(connection, 1) == b"x"
        assert proxy.connections() == 1

    until(lambda: proxy.connections() == 0)


def test_cut_connections_are_reset_on_both_sides_and_new_ones_are_taken(proxy: Proxy, echo: Echo) -> None:
    with closing(connected(proxy)) as connection:
        connection.sendall(b"x")
        exactly(connection, 1)

        proxy.reset_connections()

        with pytest.raises(ConnectionResetError):
            connection.recv(1)
        until(lambda: echo.resets == 1)
    with closing(connected(proxy)) as connection:
        connection.sendall(b"y")
        assert exactly(connection, 1) == b"y"


def test_new_connections_go_to_the_upstream_of_now_and_old_ones_stay(proxy: Proxy) -> None:
    other = Echo(b"other")
    with closing(connected(proxy)) as old:
        old.sendall(b"x")
        exactly(old, 1)
        proxy.upstream = other.address

        with closing(connected(proxy)) as new:
            assert exactly(new, 5) == b"other"
        old.sendall(b"y")
        assert exactly(old, 1) == b"y"


def test_a_client_is_cut_when_nobody_is_upstream(proxy: Proxy) -> None:
    proxy.upstream = (LOOPBACK, pick_free(1)[0])

    with pytest.raises(ConnectionResetError), closing(connected(proxy)) as connection:
        connection.recv(1)


def test_a_stall_to_the_server_holds_requests_and_lets_answers_through(proxy: Proxy, echo: Echo) -> None:
    with closing(connected(proxy)) as connection:
        connection.sendall(b"before")
        exactly(connection, 6)

        proxy.stall(to_server=True, to_client=False)
        connection.sendall(b"during")

        assert silent(connection)
        assert echo.received == b"before"
        proxy.flow()
        assert exactly(connection, 6) == b"during"


def test_a_stall_to_the_client_lets_the_server_act_and_holds_what_it_answers(proxy: Proxy, echo: Echo) -> None:
    with closing(connected(proxy)) as connection:
        proxy.stall(to_server=False, to_client=True)
        connection.sendall(b"during")

        until(lambda: echo.received == b"during")
        assert silent(connection)
        proxy.flow()
        assert exactly(connection, 6) == b"during"


def test_what_a_stall_held_arrives_even_when_its_client_is_gone(proxy: Proxy, echo: Echo) -> None:
    proxy.stall()
    with closing(connected(proxy)) as connection:
        connection.sendall(b"late")
    assert echo.received == b""

    proxy.flow()

    until(lambda: echo.received == b"late" and proxy.connections() == 0)


def test_a_stall_holds_connections_made_during_it_and_those_that_send_much(proxy: Proxy) -> None:
    data = Random(2).randbytes(40_000_000)
    proxy.stall()
    with closing(connected(proxy)) as connection:
        sender = threading.Thread(target=connection.sendall, args=(data,), daemon=True)
        sender.start()
        assert silent(connection)
        assert sender.is_alive()  # its sender has to wait: a stall does not fill the memory

        proxy.flow()

        assert exactly(connection, len(data)) == data


def test_a_delay_keeps_all_bytes_in_order_and_ends(proxy: Proxy) -> None:
    proxy.delay(0.1)
    with closing(connected(proxy)) as connection:
        began = monotonic()
        for n in range(100):
            connection.sendall(b"%03d" % n)
        assert exactly(connection, 300) == b"".join(b"%03d" % n for n in range(100))
        assert monotonic() - began >= 0.2

        connection.sendall(b"held")
        proxy.flow()
        connection.sendall(b"more")
        assert exactly(connection, 8) == b"heldmore"


def test_a_stop_forgets_no_connection_that_is_just_made(echo: Echo) -> None:
    for _ in range(100):
        proxy = Proxy((LOOPBACK, pick_free(1)[0]), echo.address)
        proxy.start()
        with closing(connected(proxy)) as connection:
            proxy.stop()

            with pytest.raises(ConnectionResetError):
                connection.recv(1)


def test_a_stopped_proxy_refuses_and_starts_again_at_its_address(proxy: Proxy) -> None:
    held = connected(proxy)
    proxy.stop()
    with closing(held), pytest.raises(ConnectionResetError):
        held.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connected(proxy)

    proxy.start()

    with closing(connected(proxy)) as connection:
        connection.sendall(b"x")
        assert exactly(connection, 1) == b"x"
