"""What a benchmark leaves: one JSON file with all that was measured, on what, and of which commit."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct, json, to_builtins

from benchmarks.rig import machine

RESULTS = Path(__file__).resolve().parents[1] / "results"


class Results(Struct, frozen=True):
    """One run of one benchmark."""

    benchmark: str
    taken: str  # when, UTC
    commit: str
    machine: dict[str, Any]
    versions: dict[str, str]
    options: dict[str, Any]  # what it was told on its command line
    measured: list[dict[str, Any]]  # a row for each thing that was measured; spreads over the rounds
    figures: dict[str, float]  # what floors are for, by name


def results(benchmark: str, options: dict[str, Any], measured: Sequence[Struct], figures: dict[str, float]) -> Results:
    """Describe a run that has just ended."""
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    on = (machine.commit(), machine.machine(), machine.versions())
    return Results(benchmark, taken, *on, options, _rounded(to_builtins(measured)), _rounded(figures))


def _rounded(value: Any) -> Any:
    """Three digits behind the point are more than anything here is known to."""
    match value:
        case float():
            return round(value, 3)
        case dict():
            return {name: _rounded(each) for name, each in value.items()}
        case list():
            return [_rounded(each) for each in value]
    return value


def written(found: Results) -> str:
    """The JSON of it, for people and machines."""
    return json.format(json.encode(found), indent=2).decode()


def load(path: Path) -> Results:
    """Read what `save` wrote."""
    return json.decode(path.read_bytes(), type=Results)


def save(found: Results, folder: Path) -> Path:
    """Write it to NAME.json in a folder and return the path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{found.benchmark}.json"
    path.write_text(written(found) + "\n", encoding="utf-8")
    return path
