"""What a mutant is, and the table of all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import getdoc
from types import ModuleType
from typing import Any

Plant = Callable[[ModuleType], None]

# The faults of FAULTS.md that show mutants, by their row.
FAULTS = {
    1: "worker killed at a code point",
    2: "all workers killed at once",
    3: "worker stopped past its session, woken up as a zombie",
    4: "worker stopped between Redis and Kafka, then woken up",
    6: "rolling restart",
    8: "rebalance storm",
    9: "leader or controller killed",
    10: "two of three brokers down",
    11: "transaction coordinator killed",
    12: "EndTxn delayed past its retry",
    13: "answer to EndTxn dropped",
    14: "group coordinator unreachable",
    15: "network partition",
    16: "Redis killed and rolled back",
    17: "Redis emptied",
    18: "Redis stalls beyond the client's patience",
    19: "Redis failed over, the old primary goes on",
    21: "malformed records",
    23: "log truncated below a position",
    27: "flusher killed, or two flushers",
}


@dataclass(frozen=True)
class Mutant:
    """One planted bug."""

    name: str
    what: str
    faults: tuple[int, ...]  # rows of FAULTS, each of which must show it; empty: any run does
    module: str  # in which it is planted
    plant: Plant


MUTANTS: dict[str, Mutant] = {}


def mutant(module: str, *faults: int) -> Callable[[Plant], Plant]:
    """Enter a function that breaks this module into the table; its name and its docstring's first line describe it."""

    def enter(plant: Plant) -> Plant:
        name = plant.__name__.replace("_", "-")
        what = (getdoc(plant) or "").partition("\n")[0]
        MUTANTS[name] = Mutant(name, what, faults, module, plant)
        return plant

    return enter


def replace(owner: Any, name: str, bad: Any) -> None:
    """Put something bad in the place of what must be there: a mutant of code that moved away would be none."""
    if not hasattr(owner, name):
        raise AttributeError(f"a mutant wants to replace {name} of {owner}, which has none: mend the mutant")
    setattr(owner, name, bad)


def misread(connection: ModuleType, script: str, sound: str, bad: str) -> None:
    """Send Redis another text of one script."""
    source = connection._source

    def altered(name: str) -> str:
        text: str = source(name)
        if name != script:
            return text
        if text.count(sound) != 1:
            raise ValueError(f"a mutant wants to replace {sound!r} in {script}.lua: mend the mutant")
        return text.replace(sound, bad)

    replace(connection, "_source", altered)
