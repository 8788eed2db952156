"""The environment that plants a mutant in whatever process starts with it."""

import os
from pathlib import Path

from tests.chaos.mutants.kinds import MUTANTS
from tests.chaos.mutants.planting import MUTANT, STOPS

_STARTUP = str(Path(__file__).parent / "startup")


def environment(name: str | None, stops: bool = False) -> dict[str, str]:
    """What to add to the environment for a mutant, or None for the sound system; raises KeyError for an unknown one.

    With `stops`, DATA_PROCESSOR_CRASH_AT names a point at which the process stops, as by SIGSTOP, instead of dying.
    """
    added = {MUTANT: MUTANTS[name].name} if name is not None else {}
    if stops:
        added[STOPS] = "1"
    if not added:
        return {}
    return {**added, "PYTHONPATH": os.pathsep.join(filter(None, [_STARTUP, os.environ.get("PYTHONPATH")]))}
