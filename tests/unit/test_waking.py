"""supervisord starts at once what died, and its loop does not spin for it."""

from types import SimpleNamespace

from supervisor import events
from supervisor.options import ServerOptions
from supervisor.poller import PollPoller

from processor.supervision.waking import plugin


class _Ended(events.ProcessStateExitedEvent):
    def __init__(self) -> None:
        """Need no process: nobody asks for one here."""


def test_after_a_death_the_loop_comes_round_at_once_and_only_once() -> None:
    poller = PollPoller(ServerOptions())
    poller.initialize()
    events.clear()
    try:
        plugin(SimpleNamespace(options=SimpleNamespace(poller=poller)))
        assert poller.poll(0) == ([], [])

        events.notify(_Ended())
        readable, _ = poller.poll(0)
        assert len(readable) == 1

        poller.unregister_readable(readable[0])  # as supervisord does with what it does not know
        assert poller.poll(0) == ([], [])

        events.notify(_Ended())
        assert poller.poll(0)[0] == readable
    finally:
        events.clear()
