"""Workers with one request in flight each before a server of one core: Redis's applies, or a broker's transactions.

What comes while a request is under way piles up for the next, so a larger load makes requests larger, not more
frequent. Nothing here is timed: the clock is the simulation's own.
"""

import heapq
from dataclasses import dataclass


@dataclass(frozen=True)
class Served:
    """How a run ended: `kept` is the share of the logins that were served, `wait` the mean seconds of a request."""

    kept: float
    wait: float
    requests: float  # a second
    busy: float


@dataclass(frozen=True)
class Server:
    """Takes one request at a time, in the order of their coming; costs in microseconds."""

    request: float
    login: float


def serve(server: Server, workers: int, rate: float, spacing: float, seconds: float = 2.0) -> Served:
    """Let `workers` ask for `seconds`, each no sooner than `spacing` seconds after its last request began."""
    each = rate / workers
    asking = [(spacing * (1 + n / workers), n) for n in range(workers)]
    taken = [0.0] * workers
    free = wait = busy = 0.0
    requests = 0
    while asking[0][0] < seconds:
        at, worker = heapq.heappop(asking)
        lasts = (server.request + server.login * each * (at - taken[worker])) / 1e6
        free = max(free, at) + lasts
        if free > seconds:
            heapq.heappush(asking, (free, worker))
            continue
        taken[worker] = at
        wait, busy, requests = wait + free - at, busy + lasts, requests + 1
        heapq.heappush(asking, (max(free, at + spacing), worker))
    return Served(
        kept=sum(taken) / workers / seconds,
        wait=wait / max(1, requests),
        requests=requests / seconds,
        busy=busy / seconds,
    )
