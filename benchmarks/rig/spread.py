"""Repeated measurements: their median, and how far they lie apart."""

from collections.abc import Sequence
from statistics import median

from msgspec import Struct


class Spread(Struct, frozen=True):
    """What several rounds found of one thing."""

    median: float
    least: float
    most: float
    values: list[float]

    def text(self, digits: int = 2) -> str:
        """As a table shows it: the median, and in parentheses the least and the most."""
        return f"{self.median:,.{digits}f} ({self.least:,.{digits}f} to {self.most:,.{digits}f})"


def spread(values: Sequence[float]) -> Spread:
    """Sum up the rounds, in their order; there must be one at least."""
    return Spread(median(values), min(values), max(values), list(values))


def ratio_of_pairs(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of each round's ratio: what disturbed the machine in a round disturbed both."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))
