"""Unit costs from benchmarks/results: what was measured where it was, else the figure of the design."""

import json
import math
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"


@dataclass(frozen=True)
class Costs:
    """CPU in microseconds a login unless said otherwise; the defaults stand in for results that are not there."""

    worker: float = 5.2
    broker: float = 1.3
    flink: float = 8.5
    flink_broker: float = 1.0
    redis: dict[int, float] = field(default_factory=lambda: {10_000: 0.5})  # by users
    user_bytes: float = 107.5  # in Redis
    flush: float = 3.1  # elapsed, a changed user
    sources: tuple[str, ...] = ()

    def redis_at(self, users: int) -> float:
        """Redis's cost with so many users, by the logarithm; beyond what was measured the last slope goes on."""
        known = sorted(self.redis.items())
        if len(known) == 1 or users <= known[0][0]:
            return known[0][1]
        pairs = list(pairwise(known))
        (u, a), (v, b) = next((pair for pair in pairs if users <= pair[1][0]), pairs[-1])
        return a + (b - a) * math.log(users / u) / math.log(v / u)


def measured(results: Path = RESULTS) -> Costs:
    """Read what peers.json and users.json hold; the pool and Flink come from one run, since only ratios count."""
    found: dict[str, Any] = {}
    sources = []
    for name, read in (("peers", _of_peers), ("users", _of_users)):
        path = results / f"{name}.json"
        if path.exists():
            result = json.loads(path.read_text())
            found |= read(result["measured"])
            sources.append(f"{name}.json of {result['taken'][:10]} at {result['commit']}")
    return Costs(**found, sources=tuple(sources))


def _of_peers(rows: list[dict[str, Any]]) -> dict[str, Any]:
    paid = {row["name"]: {who: cost["median"] for who, cost in row["microseconds"].items()} for row in rows}
    found: dict[str, Any] = {}
    if pool := paid.get("pool"):
        found |= {"worker": pool["worker"], "broker": pool["broker"]}
    if flink := paid.get("flink"):
        found |= {"flink": flink["job"], "flink_broker": flink["broker"]}
    return found


def _of_users(rows: list[dict[str, Any]]) -> dict[str, Any]:
    largest = max(rows, key=lambda row: int(row["users"]))
    flush = max(largest["flushes"], key=lambda row: int(row["changed"]))
    return {
        "redis": {row["users"]: row["costs"]["microseconds"]["redis"]["median"] for row in rows},
        "user_bytes": largest["redis_mb"] * 1e6 / largest["users"],
        "flush": flush["seconds"]["median"] * 1e6 / flush["changed"],
    }
