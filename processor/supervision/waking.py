"""Has supervisord start at once what died: left alone it hears of a death, and sees to it a second later.

supervisord.conf names `plugin`. A second less until a killed worker's partitions move again.
"""

import os
from typing import Any

from supervisor import events


class Waker:
    """Gives supervisord's loop something to read when a process has ended, so that it comes round without a pause."""

    def __init__(self, poller: Any) -> None:
        self._poller = poller
        self._ended, other_end = os.pipe()  # a pipe that nobody can write to any more is always readable
        os.close(other_end)

    def exited(self, _event: object) -> None:
        """Have the next look return immediately; supervisord lets go of what it does not know, so only that one."""
        self._poller.register_readable(self._ended)


def plugin(supervisord: Any, **_options: str) -> object:
    """Subscribe to supervisord's events; what is returned has no methods for XML-RPC to offer."""
    events.subscribe(events.ProcessStateExitedEvent, Waker(supervisord.options.poller).exited)
    return object()
