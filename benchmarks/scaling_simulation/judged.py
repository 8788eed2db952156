"""What a run of the simulation was like, in numbers; the start, when nothing is known yet, is left out."""

from collections.abc import Sequence
from itertools import pairwise

from benchmarks.scaling_simulation.world import Moment

KNOWN_SECONDS = 2_900.0  # by then the scaler has found out how few workers the first, low load needs


def reversals(moments: Sequence[Moment]) -> int:
    """How often the target turned from rising to falling or back, the first rise or fall among them."""
    targets = [moment.target for moment in moments if moment.at >= KNOWN_SECONDS]
    turns = [after > before for before, after in pairwise(targets) if after != before]
    return sum(before is not after for before, after in pairwise(turns)) + bool(turns)


def worst_lag(moments: Sequence[Moment]) -> float:
    """The oldest record's age at its worst, in seconds."""
    return max(moment.lag_seconds for moment in moments)


def cost(moments: Sequence[Moment], cool_down: float = 0.0) -> float:
    """Worker-seconds over those of an ideal that has what is needed at each moment, or was within the cool-down."""
    ideal = [moment.ideal for moment in moments]
    seconds = int(cool_down)
    held = [max(ideal[max(0, at - seconds) : at + 1]) for at in range(len(ideal))]
    known = [(moment.running, best) for moment, best in zip(moments, held, strict=True) if moment.at >= KNOWN_SECONDS]
    return sum(running for running, _ in known) / sum(best for _, best in known)
