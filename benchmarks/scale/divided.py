"""What `benchmarks/wide` found: the part of the page that was run."""

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.rig.case import Case, text

NAMES = (
    "nodes/shards/partitions/workers",
    "worker µs",
    "Redis µs",
    "scripts",
    "transactions/s",
    "scripts/s",
    "broker µs",
    "logins/s",
    "start s",
    "takeover s",
)


def divided(results: Path) -> Iterator[str]:
    """Yield the section's lines; of a benchmark that left nothing they say so."""
    path = results / "wide.json"
    yield "\n## Divided further (run)\n"
    if not path.exists():
        yield "Not run: `benchmarks/wide` left no results."
        return
    found = json.loads(path.read_text())
    yield from _opening(found)
    yield f"| {' | '.join(NAMES)} |"
    yield "|" + "---:|" * len(NAMES)
    yield from (f"| {' | '.join(_row(row))} |" for row in found["measured"])
    yield from _transactions(found["measured"])


def _opening(found: dict[str, Any]) -> Iterator[str]:
    told = found["options"]
    others = [share for row in found["measured"] for share in row["costs"]["shares"]["others"]["values"]]
    yield f"wide.json of {found['taken'][:10]} at {found['commit']}, {told['rounds']} rounds; every shard's counts"
    yield f"added up to all logins in each. Worker and Redis: CPU a login in a burst of {told['logins']:,}; scripts:"
    yield f"those that Redis ran in it. From transactions/s to logins/s: while {told['rate']:,} logins/s were sent."
    yield f"What else ran on the {found['machine']['cores']} cores, the benchmark itself included, had"
    yield f"{min(others):.0%} to {max(others):.0%} of them in the bursts.\n"


def _row(row: dict[str, Any]) -> list[str]:
    paid, flows = row["costs"]["microseconds"], row["steady"]
    flow = {name: median(each[name] for each in flows) for name in ("transactions", "calls", "rate")}
    return [
        text(Case(**row["case"])),
        *(f"{paid[group]['median']:.1f}" for group in ("worker", "redis")),
        f"{row['calls']['median']:,.0f}",
        f"{flow['transactions']:,.0f}",
        f"{flow['calls']:,.0f}",
        f"{_second(row, 'broker') / flow['rate'] * 1e6:.0f}",
        f"{flow['rate']:,.0f}",
        f"{row['start_seconds']['median']:.0f}",
        "" if row["takeover_seconds"] is None else f"{row['takeover_seconds']:.0f}",
    ]


def _transactions(rows: list[dict[str, Any]]) -> Iterator[str]:
    """What one transaction more costs the broker: the most frequent against the least, on one Redis."""
    often = {median(each["transactions"] for each in row["steady"]): row for row in rows}
    few, many = min(often), max(often)
    if many <= few:
        return
    more = (_second(often[many], "broker") - _second(often[few], "broker")) / (many - few) * 1e6
    yield f"\nFrom {few:,.0f} to {many:,.0f} transactions a second the broker's CPU rose by {more:,.0f} µs for"
    yield "each one more, the reads and the partitions that came with it included."


def _second(row: dict[str, Any], group: str) -> float:
    """CPU seconds a second of the steady load."""
    return float(median(each["seconds"][group] for each in row["steady"]))
