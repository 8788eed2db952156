"""The part of benchmarks/SCALE.md that was run: it says what the results hold, and nothing without them."""

import json
from pathlib import Path
from typing import Any

from benchmarks.scale.costs import RESULTS, measured
from benchmarks.scale.divided import divided
from benchmarks.scale.page import page
from benchmarks.scale.sizes import Assumed


def row(shards: int, transactions: float, broker: float) -> dict[str, Any]:
    steady = {"transactions": transactions, "calls": 9.0, "rate": 1000.0, "seconds": {"broker": broker}}
    return {
        "case": {"nodes": 1, "shards": shards, "partitions": 2, "workers": 2},
        "costs": {
            "microseconds": {"worker": {"median": 4.25}, "redis": {"median": 2.0}},
            "shares": {"others": {"values": [0.25, 0.5]}},
        },
        "calls": {"median": 1234.0},
        "steady": [steady],
        "start_seconds": {"median": 7.0},
        "takeover_seconds": 11.0 if shards == 1 else None,
    }


def result(folder: Path, *rows: dict[str, Any]) -> str:
    told = {"taken": "2026-01-02T03", "commit": "c0ffee", "machine": {"cores": 2}}
    options = {"rounds": 1, "logins": 5, "rate": 1000}
    (folder / "wide.json").write_text(json.dumps({**told, "options": options, "measured": rows}))
    return "\n".join(divided(folder))


def test_the_dearer_transaction_is_told_by_what_the_broker_used_more(tmp_path: Path) -> None:
    told = result(tmp_path, row(1, 100.0, 0.25), row(6, 600.0, 0.35))

    assert "| 1/1/2/2 | 4.2 | 2.0 | 1,234 | 100 | 9 | 250 | 1,000 | 7 | 11 |" in told
    assert "| 1/6/2/2 | 4.2 | 2.0 | 1,234 | 600 | 9 | 350 | 1,000 | 7 |  |" in told
    assert "rose by 200 µs" in told
    assert "25% to 50% of them" in told


def test_without_results_the_page_says_that_it_was_not_run(tmp_path: Path) -> None:
    assert "Not run" in "\n".join(divided(tmp_path))


def test_the_committed_page_is_what_the_committed_results_say() -> None:
    assert (RESULTS.parent / "SCALE.md").read_text() == page(measured(), Assumed())
