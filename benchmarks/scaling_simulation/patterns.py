"""What the simulated pool has to bear: each pattern's load over time, and what else happens."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

RATE = 5_000.0  # records a second, of a worker
_HOUR = 3_600.0

Arrivals = Callable[[float], float]


@dataclass(frozen=True)
class Pattern:
    """Records a second of the whole topic at a time (seconds), what else happens, and what is asked of the scaler."""

    name: str
    seconds: float
    arrivals: Arrivals
    reversals: int  # the load's own turns, from more to less or back: the target may turn so often
    lag_seconds: float = 60.0  # of the worst partition that can be worked on
    cost: float = 1.25  # at most, over one who knows the load and keeps workers for the cool-down, too
    partitions: Callable[[float], int] = lambda _t: 12
    stopped: Callable[[float], Sequence[int]] = lambda _t: ()  # by the breaker
    stalled: Callable[[float], Sequence[int]] = lambda _t: ()  # nobody can move them
    hosts: dict[str, int] = field(default_factory=lambda: {"vm-1": 12})  # with their slots
    lost: Callable[[float], Sequence[str]] = lambda _t: ()


def _step(t: float) -> float:
    return 5 * RATE if 3_000 <= t < 4_800 else 0.4 * RATE


def _ramp(t: float) -> float:
    return RATE * (0.3 + 8 * min(1.0, max(0.0, (t - 3_000) / 3_000)))


def _daily(t: float) -> float:
    return RATE * (3.5 + 3.0 * math.sin(2 * math.pi * (t / (2 * _HOUR) - 0.25)))


def _burst(t: float) -> float:
    return 8 * RATE if t > 3_000 and t % 240 < 30 else 0.5 * RATE


def _steady(t: float) -> float:
    return 1.6 * RATE if t > 3_000 else 0.4 * RATE


PATTERNS = (
    # Six would have a sixth of their time left, which is about what is asked for: at times all twelve stay.
    Pattern("step", 2 * _HOUR, _step, reversals=2, cost=2.0),
    Pattern("ramp", 2 * _HOUR, _ramp, reversals=1),
    Pattern("daily", 4 * _HOUR, _daily, reversals=4),
    Pattern("burst", 2 * _HOUR, _burst, reversals=1),
    Pattern("poison", 2 * _HOUR, _steady, reversals=1, stopped=lambda t: (3,) if t > 3_600 else ()),
    # What had piled up is worked off when it goes on: one turn up and one down more.
    Pattern("stall", 2 * _HOUR, _steady, reversals=3, cost=2.0, stalled=lambda t: (3, 4) if 3_600 < t < 5_400 else ()),
    Pattern(
        "partition growth",
        2 * _HOUR,
        lambda t: RATE * (3.2 if t < 4_000 else 7.0),
        reversals=2,
        partitions=lambda t: 4 if t < 3_600 else 12,
    ),
    Pattern(
        "VM loss",
        2 * _HOUR,
        lambda _t: 4.5 * RATE,
        reversals=1,
        hosts={"vm-1": 8, "vm-2": 8, "vm-3": 8},
        lost=lambda t: ("vm-2",) if 3_000 < t < 4_800 else (),
    ),
)
