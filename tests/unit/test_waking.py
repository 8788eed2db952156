"""supervisord's loop comes round at a death and at a signal, and does not spin for it."""

import os
import select
import signal
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from supervisor import events

from processor.supervision.waking import Waker, plugin


class _Ended(events.ProcessStateExitedEvent):
    def __init__(self) -> None:
        """Need no process: nobody asks for one here."""


@pytest.fixture
def waker() -> Iterator[Waker]:
    """Plug it into a supervisord, and take it out again."""
    sockets: dict[int, Waker] = {}
    before = signal.set_wakeup_fd(-1)
    handler = signal.signal(signal.SIGCHLD, lambda *_: None)  # as supervisord does
    events.clear()
    plugin(SimpleNamespace(options=SimpleNamespace(get_socket_map=lambda: sockets)))
    [(number, made)] = sockets.items()
    assert number == made.fileno()
    try:
        yield made
    finally:
        events.clear()
        signal.signal(signal.SIGCHLD, handler)
        signal.set_wakeup_fd(before)
        os.close(made.write)
        os.close(number)


def comes_round(waker: Waker) -> bool:
    assert waker.readable()
    assert not waker.writable()
    found = select.select([waker.fileno()], [], [], 0)[0]
    if found:
        waker.handle_read_event()
    return bool(found)


def test_the_loop_comes_round_at_a_death_once(waker: Waker) -> None:
    assert not comes_round(waker)
    events.notify(_Ended())
    assert comes_round(waker)
    assert not comes_round(waker)


def test_the_loop_comes_round_when_a_child_can_be_waited_for(waker: Waker) -> None:
    os.kill(os.getpid(), signal.SIGCHLD)
    assert comes_round(waker)
    assert not comes_round(waker)


def test_more_deaths_than_the_pipe_holds_do_no_harm(waker: Waker) -> None:
    for _ in range(100_000):
        events.notify(_Ended())
    assert comes_round(waker)


def test_a_reload_leaves_one_pipe_to_look_at(waker: Waker) -> None:
    sockets: dict[int, object] = {waker.fileno(): waker, 0: "a server's"}
    plugin(SimpleNamespace(options=SimpleNamespace(get_socket_map=lambda: sockets)))
    [new] = [each for each in sockets.values() if isinstance(each, Waker)]
    assert new is not waker
    assert sockets[0] == "a server's"
    os.close(new.write)
    os.close(new.fileno())
