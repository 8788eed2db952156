"""The page's text."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.scale.costs import RESULTS, Costs
from benchmarks.scale.divided import divided
from benchmarks.scale.simulated import Server, serve
from benchmarks.scale.sizes import Assumed, needed

RATES = (10**4, 10**5, 10**6, 10**7)
USERS = (10**6, 10**7, 10**8, 10**9)
LOADS = (0.25, 0.5, 0.75, 0.9, 1.1, 1.5)
APPLY = 50.0  # microseconds a call beside its logins: assumed
TRANSACTION = 370.0  # microseconds: derived, see the page


def page(costs: Costs, assumed: Assumed, results: Path = RESULTS) -> str:
    """Return benchmarks/SCALE.md."""
    known = [*_opening(costs, assumed), *_sizes(costs, assumed), *_redis(costs), *_transactions()]
    return "\n".join([*known, *divided(results), *_limits()])


def _opening(costs: Costs, assumed: Assumed) -> Iterator[str]:
    sources = "; ".join(costs.sources) or "nothing: the defaults of costs.py"
    yield "# Scale: what the measured unit costs say about sizes that were not run\n"
    yield "Written by `python -m benchmarks.scale`; do not edit."
    yield "**Arithmetic and simulation: only what is headed (run) was run.**\n"
    yield f"Measured ({sources}), CPU µs a login: worker {costs.worker:.1f}, broker {costs.broker:.1f};"
    yield f"Flink {costs.flink:.1f}, its broker {costs.flink_broker:.1f}. Redis by users:"
    yield ", ".join(f"{users:,}: {cost:.1f}" for users, cost in sorted(costs.redis.items())) + "; beyond, extrapolated."
    yield f"Redis holds {costs.user_bytes:.0f} bytes a user; a flush lasts {costs.flush:.1f} µs a"
    yield "changed user.\n"
    yield f"Assumed (options of the command): cores {assumed.load:.0%} busy at the peak,"
    yield f"{assumed.replicas} replicas that"
    yield f"each cost a broker as much as the first, {assumed.shard_gb:.0f} GB a shard, a flush each"
    yield f"{assumed.flush_interval:.0f} s, {assumed.core_month:.0f} money a core and"
    yield f"{assumed.gb_month:.0f} a GB of Redis"
    yield "a month, no Redis replicas. All users alike: the dearest case.\n"


def _sizes(costs: Costs, assumed: Assumed) -> Iterator[str]:
    yield "## Sizes\n"
    yield "A worker is one core and one partition.\n"
    head = "logins/s, users, workers, shards, Redis GB, broker cores, money, Flink cores, Flink money, flush s, bends"
    yield from _table(head, (_row(rate, users, costs, assumed) for rate in RATES for users in USERS))


def _row(rate: int, users: int, costs: Costs, assumed: Assumed) -> list[str]:
    n = needed(rate, users, costs, assumed)
    cells: list[float] = [n.workers, n.shards, n.redis_gb, n.broker_cores, n.money, n.flink_cores, n.flink_money]
    return [f"{rate:,}", f"{users:,}", *(f"{c:,.0f}" for c in cells), f"{n.flush:,.1f}", "; ".join(n.bends)]


def _redis(costs: Costs) -> Iterator[str]:
    login = costs.redis_at(10**7)
    yield "\n## Where one Redis shard bends (simulated)\n"
    yield f"32 workers, one apply in flight each, 10,000,000 users ({login:.1f} µs a login),"
    yield f"{APPLY:.0f} µs a call (assumed). Beyond what it can serve the wait grows for as long as"
    yield "the load lasts: 20 s here.\n"
    yield from _bend(Server(APPLY, login), 32, [share * 1e6 / login for share in LOADS], 0.02)


def _transactions() -> Iterator[str]:
    yield "\n## Where one coordinator core bends on transactions (simulated)\n"
    yield f"Each worker commits every 20 ms at the soonest. {TRANSACTION:.0f} µs a transaction is"
    yield "**derived**, not measured:"
    yield "at 10,000 logins/s two workers went from 38 to 27 µs a login when 20 ms replaced 5"
    yield "(benchmarks/README.md): 0.11 s of"
    yield "CPU a second, for 300 transactions a second fewer if each came as soon as it could."
    yield "Neither a lower nor an upper"
    yield "bound: it holds all processes' CPU, and there may have been fewer transactions. Several"
    yield "brokers share the load.\n"
    rows = []
    for workers in (8, 32, 64, 128, 256, 512):
        served = serve(Server(TRANSACTION, 0.0), workers, 1e6, 0.02)
        rows.append([f"{workers}", f"{served.requests:,.0f}", f"{served.busy:.0%}", f"{served.wait * 1e3:,.1f}"])
    yield from _table("workers, transactions/s, busy, wait ms", rows)


def _bend(server: Server, workers: int, rates: Iterable[float], spacing: float) -> Iterator[str]:
    rows = []
    for rate in rates:
        served = serve(server, workers, rate, spacing, seconds=20.0)
        rows.append([f"{rate:,.0f}", f"{served.busy:.0%}", f"{served.wait * 1e3:,.1f}", f"{served.kept:.0%}"])
    yield from _table("logins/s, busy, wait ms, counted", rows)


def _limits() -> Iterator[str]:
    yield "\n## What this page does not know\n"
    yield "- **Which is cheaper with many users.** Flink's cost was measured with 100,000 users"
    yield "only, Redis's up to 10,000,000;"
    yield "  Flink's memory a user and its checkpoints were not measured and are not in its money:"
    yield "both flatter Flink."
    yield "- Flink's figures are of the SQL peer in benchmarks/systems, on well-formed logins."
    yield "- Groups with hundreds of members, and a Cluster whose nodes have machines of their own."
    yield "- Broker bytes, networks and disks. Every cost is of one machine with 2 cores, shared by"
    yield "servers and load.\n"


def _table(head: str, rows: Iterable[list[str]]) -> Iterator[str]:
    names = head.split(", ")
    yield f"| {' | '.join(names)} |"
    yield "|" + "---:|" * len(names)
    yield from (f"| {' | '.join(row)} |" for row in rows)
