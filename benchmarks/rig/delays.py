"""How long after they were sent logins were seen, counted and published: pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.rig.failed import Failed
from benchmarks.rig.passed import Passed
from benchmarks.rig.seen import Seen

Delay = tuple[int, int]
"""Nanoseconds, and how many logins waited so long."""


def until_seen(seen: Iterable[Seen], since: int) -> list[Delay]:
    """From each stamp at or after `since` to the moment at which the processed record was seen."""
    return [(each.at - each.mark, each.records) for each in seen if each.mark >= since]


def until_passed(seen: Iterable[Seen], bases: Mapping[int, int], passed: Iterable[Passed], since: int) -> list[Delay]:
    """From each login's stamp to the moment at which a position had passed it.

    A partition's processed records are its logins in their order, one each; so the n-th that was seen is the login at
    `bases[partition] + n`. Raises Failed when the last was never passed.
    """
    moves: dict[int, list[Passed]] = defaultdict(list)
    for move in passed:
        moves[move.partition].append(move)
    runs: dict[int, list[Seen]] = defaultdict(list)
    for run in seen:
        runs[run.partition].append(run)
    return [delay for p, found in runs.items() for delay in _joined(found, bases.get(p, 0), moves[p], since)]


def _joined(runs: Sequence[Seen], base: int, moves: Sequence[Passed], since: int) -> list[Delay]:
    """Walk along runs and moves side by side; a move may end within a run."""
    found: list[Delay] = []
    following = iter(moves)
    move = next(following, None)
    offset = base
    for run in runs:
        end = offset + run.records
        while offset < end:
            while move is not None and move.offset <= offset:
                move = next(following, None)
            if move is None:
                raise Failed(f"partition {run.partition}: no position passed offset {offset}")
            reached = min(end, move.offset)
            if run.mark >= since:
                found.append((move.at - run.mark, reached - offset))
            offset = reached
    return found


def milliseconds(delays: Sequence[Delay], percents: Sequence[float]) -> list[float]:
    """For each of some percents the delay in milliseconds that so many logins do not exceed: always a measured one."""
    ordered = sorted(delays)
    total = sum(logins for _, logins in ordered)
    if not total:
        raise Failed("no login was sent while it was measured: take more seconds")
    found = []
    for percent in percents:
        rank, reached = -(-total * percent // 100), 0
        for delay, logins in ordered:
            reached += logins
            if reached >= rank:
                found.append(delay / 1e6)
                break
    return found
