"""What injectors measure themselves, where the stage can't: how long the pool took to go on, or to count."""

import time

from tests.chaos.faults import Hit, waits
from tests.chaos.live import Live
from tests.chaos.stage import Stage
from tests.chaos.subject import Subject


def measured(seconds: float) -> Hit:
    """Progress that was made before the fault was healed: it began so long ago as it took."""
    return Hit(since=time.time() - seconds)


def counted(stage: Stage, since: float) -> float:
    """Wait until all that lies in the log now is counted; how long after `since` that was."""
    live = Live(Subject.of(stage.direct))
    ends = {p: end for p, (_, end) in live.bounds("input").items()}

    def caught_up() -> bool:
        return all(found.get(p, 0) >= end for found in live.cursors() for p, end in ends.items())

    waits.until("everything is counted in Redis", caught_up)
    return time.time() - since
