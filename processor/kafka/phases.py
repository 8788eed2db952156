"""How long each phase of a transaction took, for the metrics."""

from time import monotonic

from processor.kafka.client import Verdict
from processor.metrics.meter import add, observe, spent
from processor.metrics.told import TRANSACTION_SECONDS, TRANSACTIONS

_FOLLOWING = ("produce", "offsets", "commit")
_OUTCOMES = {Verdict.ABORT: "aborted", Verdict.REPLACE: "unknown", Verdict.LEAVE: "refused"}


class Phases:
    """One transaction, from its begin to how it ended."""

    def __init__(self) -> None:
        self._since = monotonic()
        self._took: list[float] = []

    def over(self, phase: str) -> None:
        """This phase is over."""
        now = monotonic()
        self._took.append(now - self._since)
        self._since = now
        spent("produce" if phase == "produce" else "commit")

    def committed(self) -> None:
        """So is the last one."""
        self.over("commit")
        self._tell("committed")

    def failed(self, verdict: Verdict) -> None:
        """The phase that would have been over next failed; how long that took is told as well."""
        self.over(_FOLLOWING[len(self._took)])
        self._tell(_OUTCOMES[verdict])

    def _tell(self, outcome: str) -> None:
        add(TRANSACTIONS, 1, outcome)
        for phase, took in zip(_FOLLOWING, self._took, strict=False):
            observe(TRANSACTION_SECONDS, took, phase, outcome)
