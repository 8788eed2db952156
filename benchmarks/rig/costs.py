"""Several rounds of the same burst, summed up."""

from collections.abc import Sequence

from msgspec import Struct

from benchmarks.rig.burst import Cost
from benchmarks.rig.spread import Spread, ratio_of_pairs, spread


class Costs(Struct, frozen=True):
    """What a burst took, over the rounds."""

    rate: Spread  # logins a second
    microseconds: dict[str, Spread]  # CPU a login by group of processes
    shares: dict[str, Spread]  # of all cores' time
    idle_mb: Spread  # of the largest worker
    peak_mb: Spread


def summed(rounds: Sequence[Cost]) -> Costs:
    """Sum up rounds in their order."""
    first = rounds[0]
    return Costs(
        spread([cost.rate for cost in rounds]),
        {name: spread([cost.microseconds[name] for cost in rounds]) for name in first.microseconds},
        {name: spread([cost.shares[name] for cost in rounds]) for name in first.shares},
        spread([cost.idle_mb for cost in rounds]),
        spread([cost.peak_mb for cost in rounds]),
    )


def paid(cost: Cost) -> float:
    """What a user of the pool pays for each login: the CPU microseconds of workers and Redis."""
    return cost.microseconds["worker"] + cost.microseconds["redis"]


def ratio(costs: Sequence[Cost], others: Sequence[Cost]) -> float:
    """How many times as much a login costs, by the median of the rounds' ratios."""
    return ratio_of_pairs(list(map(paid, costs)), list(map(paid, others)))
