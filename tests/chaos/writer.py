"""Our output, at work as in a worker, for tests that look at it alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from processor.errors import Unavailable
from processor.kafka.offsets import Committed
from processor.kafka.output import Output
from processor.kafka.source import Source
from tests.clusters import RealCluster, judged, until
from tests.twins.record import MemoryRecord


class Crash(BaseException):
    """The process dies here."""


@contextmanager
def on_producing(act: Callable[[], object]) -> Iterator[None]:
    """Do something when the next transaction's records were produced."""

    def reach(point: str) -> None:
        if point == "worker.after-produce":
            act()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("processor.kafka.output.reach", reach)
        yield


def login(offset: int) -> MemoryRecord:
    return MemoryRecord((0, offset), b"k", b'{"user_id":"%d","timestamp":5}' % offset)


class Writer:
    """Writes logins as a worker does: what is not known to be committed is looked up, and written again if need be."""

    def __init__(self, cluster: RealCluster, member: Source) -> None:
        self.cluster, self.member = cluster, member
        self.output: Output = cluster.output()
        self.committed = 0
        until(self.is_ready)

    def is_ready(self) -> bool:
        try:
            self.output.ready()
        except Unavailable:
            return False
        return True

    def write(self) -> None:
        """Write the next login, until it is committed."""
        goal = self.committed + 1
        while self.committed < goal:
            try:
                self.write_once()
            except Unavailable:
                self.look_up()

    def write_once(self) -> None:
        """Try to."""
        batch = judged(self.cluster.settings, 0, login(self.committed))
        self.output.write([batch], {0: (batch.part.end, "0")}, self.member.membership())
        self.committed = batch.part.end

    def look_up(self) -> None:
        """Where it stands, once that is settled."""
        until(self.is_ready)
        until(self.knows)

    def knows(self) -> bool:
        """Whether the broker says where it stands: not while a transaction with its offsets is open."""
        try:
            self.committed = self.member.committed().get(0, Committed(0, "")).offset
        except Unavailable:
            return False
        return True

    def flush(self) -> None:
        """Have all that was produced be in the log."""
        assert self.output._producer is not None
        assert self.output._producer.flush(60) == 0
