"""What the runs of all systems say together: a row each, and the ratios that floors are for."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from benchmarks.rig.spread import Spread, ratio_of_pairs, spread
from benchmarks.systems.job import Cost
from benchmarks.systems.system import System


class Row(Struct, frozen=True):
    """One system, over its rounds."""

    name: str
    title: str
    version: str
    guarantee: str
    logins: int  # a round
    counts: bool  # whether it does the whole work; a bare copy counts nothing
    ours: bool
    paid: Spread  # CPU microseconds a login: its processes, and Redis where it counts there
    microseconds: dict[str, Spread]  # by part, the broker too
    rate: Spread  # logins a second


def row(system: System, version: str, logins: int, costs: Sequence[Cost]) -> Row:
    """Sum up the rounds of one system."""
    parts = {part: spread([cost.microseconds[part] for cost in costs]) for part in costs[0].microseconds}
    rate = spread([cost.rate for cost in costs])
    kind = bool(system.counts), system.ours
    paid = spread([paid_for(cost) for cost in costs])
    return Row(system.name, system.title, version, system.guarantee, logins, *kind, paid, parts, rate)


def paid_for(cost: Cost) -> float:
    """CPU microseconds a login without the broker's, which every system has beside itself."""
    return sum(used for part, used in cost.microseconds.items() if part != "broker")


def figures(taken: Mapping[System, Sequence[Cost]]) -> dict[str, float]:
    """This pool against the best exactly-once systems and the limit, as far as they took part."""
    ours = next((costs for system, costs in taken.items() if system.ours), None)
    rivals = [costs for system, costs in taken.items() if system.is_rival]
    limit = next((costs for system, costs in taken.items() if system.name == "copy"), None)
    found: dict[str, float] = {}
    if ours and rivals:
        cheapest = min(rivals, key=lambda costs: spread([paid_for(cost) for cost in costs]).median)
        fastest = max(rivals, key=lambda costs: spread([cost.rate for cost in costs]).median)
        found["cpu_to_cheapest"] = ratio_of_pairs([*map(paid_for, ours)], [*map(paid_for, cheapest)])
        found["rate_to_fastest"] = ratio_of_pairs([cost.rate for cost in ours], [cost.rate for cost in fastest])
    if ours and limit:
        workers = [cost.microseconds["worker"] for cost in ours]
        found["worker_to_bare_copy"] = ratio_of_pairs(workers, [*map(paid_for, limit)])
    return found
