"""Fewer lines of librdkafka's: none where a tool says itself what went wrong, one of a kind in a while elsewhere."""

import logging
from time import monotonic

QUIET = logging.getLogger("librdkafka.tools")
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False


class Seldom(logging.Filter):
    """Lets one line of a kind through in a while: librdkafka tells of each of many tries to reach a lost broker."""

    def __init__(self, seconds: float = 30.0) -> None:
        super().__init__()
        self._seconds = seconds
        self._next: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this kind of line (its first word) is due again."""
        kind = record.getMessage().partition(" ")[0]
        if monotonic() < self._next.get(kind, 0.0):
            return False
        self._next[kind] = monotonic() + self._seconds
        return True
