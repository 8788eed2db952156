"""The faults: each a small function that injects one kind, heals it, and says from when on progress counts.

To add one: write it in the file of its family, with @fault(name, row, budget); the schedule finds it by itself.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.chaos.stage import Stage


@dataclass(frozen=True)
class Hit:
    """From when on (wall clock) progress can be expected, and of which input partitions; None: all of them."""

    since: float = field(default_factory=time.time)
    partitions: frozenset[int] | None = None


Inject = Callable[[Stage, Random], Hit]


@dataclass(frozen=True)
class Fault:
    """One kind: `row` is its number in the table of faults, `budget` the seconds to progress after it."""

    name: str
    row: int
    budget: float
    weight: float  # how often it is drawn, against others
    inject: Inject
    together: bool = False  # whether it bears others of its sort at the same time


FAULTS: dict[str, Fault] = {}


def fault(
    name: str, row: int, budget: float, weight: float = 1.0, *, together: bool = False
) -> Callable[[Inject], Inject]:
    """Register a fault."""

    def register(inject: Inject) -> Inject:
        if name in FAULTS:
            raise ValueError(f"two faults named {name}")
        FAULTS[name] = Fault(name, row, budget, weight, inject, together)
        return inject

    return register
