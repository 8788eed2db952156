"""How many workers a load asks for, and why."""

from collections.abc import Sequence

from msgspec import Struct

from processor.scaling.load import Load
from processor.settings import ScalerSettings

_LEAD_SECONDS = 10.0  # from a decision to a new worker's first record: its start and a rebalance
_FULL = 1.1  # a worker may be asked for a tenth more than it did: rates are no more exact than that
_EASY = 0.85  # with fewer workers, each shall still have some of its time left


class Need(Struct, frozen=True):
    """So many workers in the whole pool, and the reason in a few words."""

    workers: int
    why: str
    known: bool = True  # False: nothing can be said of this moment, and nothing shall change


def need(load: Load, now: int, settings: ScalerSettings) -> Need:
    """More than `now` at once, when the lag is or will be too long; fewer only where they would have time to spare."""
    told = describe(load)
    ahead = load.lag_seconds + max(0.0, load.growing) * _LEAD_SECONDS
    if load.still:
        return Need(now, "something waits but nothing moves: more workers would not help", known=False)
    if ahead > settings.lag_seconds:
        if load.rate is None:
            return Need(now, f"{told}; what a worker can do is not measured yet")
        demands = [load.arriving[p] + load.behind[p] / settings.catch_up_seconds for p in load.arriving]
        wanted = workers_for(demands, load.rate, _FULL)
        return Need(max(now, wanted), f"{told}; {wanted} catch up within {settings.catch_up_seconds:g} s")
    return _fewer(load, now, told)


def _fewer(load: Load, now: int, told: str) -> Need:
    if not any(load.arriving.values()) and not load.waits:
        return Need(1, "nothing comes in")
    if load.paused:
        return Need(now, f"{told}; what stands still may go on at any moment", known=False)
    if load.rate is None:
        fewer = max(1, now - max(1, now // 4))
        return Need(fewer, f"{told}; no worker was ever busy: {fewer} show what they can do")
    wanted = min(now, workers_for(list(load.arriving.values()), load.rate, _EASY))
    return Need(wanted, f"{told}; {wanted} keep up with time to spare")


def workers_for(demands: Sequence[float], rate: float, share: float) -> int:
    """The fewest workers that can do it, however the group divides the partitions evenly among them.

    `demands`: records a second of each partition, `rate`: of a worker, of which `share` may be asked. More than `rate`
    no partition can have, whoever takes it.
    """
    sizes = sorted((min(demand, rate) for demand in demands), reverse=True)
    for workers in range(1, len(sizes)):
        most = -(-len(sizes) // workers)  # partitions, of the worker that has most of them: the busiest ones at worst
        if sum(sizes[:most]) <= rate * share:
            return workers
    return max(1, len(sizes))


def describe(load: Load) -> str:
    """The load in a few words."""
    trend = "growing" if load.growing > 0.1 else "shrinking" if load.growing < -0.1 else "steady"
    rate = "unknown" if load.rate is None else f"{load.rate:,.0f}/s"
    left_out = f", without partition {', '.join(map(str, load.left_out))}" if load.left_out else ""
    return (
        f"lag {load.lag_seconds:.0f} s {trend}, {sum(load.behind.values()):,} behind, "
        f"{sum(load.arriving.values()):,.0f}/s come in, a worker does {rate}{left_out}"
    )
