"""Has supervisord start at once what died: left alone it may hear of a death a second late, and sees to it yet later.

supervisord.conf names `plugin`. A second or two less until a killed worker's partitions move again.
"""

import os
import signal
from contextlib import suppress
from typing import Any

from supervisor import events

_AT_ONCE = 4096  # bytes read: more signals than that come with the next look


class Waker:
    """A pipe that supervisord's loop looks at beside its sockets: whatever is written to it ends the loop's pause."""

    def __init__(self) -> None:
        self._read, self.write = os.pipe()
        for end in (self._read, self.write):
            os.set_blocking(end, False)

    def fileno(self) -> int:
        """Where the loop reads."""
        return self._read

    def exited(self, _event: object) -> None:
        """A process was found dead: the loop comes round once more, which is when it starts it again."""
        with suppress(BlockingIOError):  # full, so it will come round in any case
            os.write(self.write, b"!")

    def readable(self) -> bool:
        """Whether the loop shall wait for it."""
        return True

    def writable(self) -> bool:
        """Never: nothing is written by the loop."""
        return False

    def handle_read_event(self) -> None:
        """Take out what was written."""
        with suppress(BlockingIOError):
            os.read(self._read, _AT_ONCE)

    def handle_error(self) -> None:
        """Nothing can be done about a pipe that can't be read; without it the loop is as slow as it was."""


def plugin(supervisord: Any, **_options: str) -> object:
    """Subscribe to supervisord's events and signals; what is returned has no methods for XML-RPC to offer."""
    waker, sockets = Waker(), supervisord.options.get_socket_map()
    for number in [number for number, other in sockets.items() if isinstance(other, Waker)]:
        del sockets[number]  # of before a reload, which has closed its pipe
    sockets[waker.fileno()] = waker
    events.subscribe(events.ProcessStateExitedEvent, waker.exited)
    # SIGCHLD alone does not end a poll (PEP 475), and a dying process closes its output before it can be waited for.
    signal.set_wakeup_fd(waker.write, warn_on_full_buffer=False)
    return object()
