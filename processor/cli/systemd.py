"""Tells systemd how supervisord is: it has no word for that itself, but lets a plugin hear of what happens in it.

supervisord.conf names `plugin`. Where systemd did not start it (NOTIFY_SOCKET is not set), nothing is sent.
"""

import os
from contextlib import suppress
from socket import AF_UNIX, SOCK_DGRAM, socket
from typing import Any

from supervisor import events
from supervisor.states import ProcessStates, SupervisorStates


class Notifier:
    """READY=1 when it runs its processes, WATCHDOG=1 every five seconds for as long as its loop turns, STOPPING=1."""

    def __init__(self, supervisord: Any, address: str) -> None:
        self._supervisord = supervisord
        self._address = f"\0{address[1:]}" if address.startswith("@") else address  # "@": an abstract name

    def running(self, _event: object) -> None:
        """It begins to start its processes."""
        self._send("READY=1")

    def turned(self, _event: object) -> None:
        """Five seconds have passed, and its loop has come round to say so."""
        self._send(f"WATCHDOG=1\nSTATUS={self._states()}")

    def stopping(self, _event: object) -> None:
        """It drains its processes, to end; or only to read its configuration anew."""
        if self._supervisord.options.mood == SupervisorStates.SHUTDOWN:
            self._send("STOPPING=1")

    def _states(self) -> str:
        groups = self._supervisord.process_groups.values()
        states = [process.get_state() for group in groups for process in group.processes.values()]
        return f"{states.count(ProcessStates.RUNNING)} of {len(states)} processes run"

    def _send(self, text: str) -> None:
        # An error in here would end supervisord; and one that does not get through is what the watchdog is for.
        with suppress(OSError), socket(AF_UNIX, SOCK_DGRAM) as systemd:
            systemd.setblocking(False)
            systemd.sendto(text.encode(), self._address)


def plugin(supervisord: Any, **_options: str) -> object:
    """Subscribe to supervisord's events; what is returned has no methods for XML-RPC to offer."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        notifier = Notifier(supervisord, address)
        events.subscribe(events.SupervisorRunningEvent, notifier.running)
        events.subscribe(events.Tick5Event, notifier.turned)
        events.subscribe(events.SupervisorStoppingEvent, notifier.stopping)
    return object()
