"""Which faults, in which order: the seed decides."""

from collections.abc import Iterator, Mapping
from random import Random

from tests.chaos.faults import Fault


def one_a_row(faults: Mapping[str, Fault], dice: Random) -> dict[str, Fault]:
    """One kind of each row of the table of faults."""
    rows: dict[int, list[Fault]] = {}
    for fault in sorted(faults.values(), key=lambda each: each.name):
        rows.setdefault(fault.row, []).append(fault)
    drawn = [dice.choice(kinds) for _, kinds in sorted(rows.items())]
    return {fault.name: fault for fault in drawn}


def schedule(faults: Mapping[str, Fault], count: int, dice: Random) -> Iterator[Fault]:
    """Every kind once, shuffled; from then on by weight: kinds without one come only once a run."""
    first = sorted(faults.values(), key=lambda fault: fault.name)
    dice.shuffle(first)
    yield from first[:count]
    again = [fault for fault in first if fault.weight > 0]
    for _ in range(count - len(first)):
        yield from dice.choices(again, [fault.weight for fault in again])


def groups(faults: Iterator[Fault], most: int) -> Iterator[list[Fault]]:
    """Put together what bears others at the same time, as it comes and so many at most; all else comes alone."""
    several: list[Fault] = []
    for fault in faults:
        if several and (len(several) == most or not fault.together):
            yield several
            several = []
        several.append(fault)
        if not fault.together:
            yield several
            several = []
    if several:
        yield several
