"""Who leads among the flushers of all hosts: whoever holds the lease, until it is lost or the process is stopped."""

from collections.abc import Callable
from time import monotonic

from processor.counts.lease import Lease


class TermOver(Exception):  # noqa: N818 - no failure: the lease is another's now, or a person stopped this process
    """This process must not go on with what it does as the leader."""


class Leadership:
    """The lease as the leader's work sees it: `confirm` is called all along, and costs nothing most of the time.

    The lease keeps two flushers from working at once, it does not keep the data right: a leader that stalls and wakes
    up after its successor began is refused by Kafka (its producer is fenced) and by Redis (a snapshot has an id).
    """

    def __init__(self, lease: Lease, seconds: float, duties: Callable[[], None]) -> None:
        self._lease = lease
        self._every = seconds / 3  # two renewals may fail before the lease runs out
        self._duties = duties
        self._renewed = monotonic()

    def gained(self) -> bool:
        """Whether this process leads now; True again while it holds the lease. Raises Unavailable."""
        began = monotonic()
        held = self._lease.acquire()
        self._renewed = began
        return held

    def confirm(self) -> None:
        """Go on leading, or raise TermOver; Unavailable when Redis can't tell."""
        self._duties()
        began = monotonic()
        if began - self._renewed < self._every:
            return
        if not self._lease.renew():
            raise TermOver("the lease is lost")
        self._renewed = began

    def insist(self) -> None:
        """Confirm it at Redis, now."""
        self._renewed = -self._every
        self.confirm()

    def resign(self) -> None:
        """Let another one lead at once; raises Unavailable."""
        self._lease.release()
