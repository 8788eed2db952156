"""Bounds that a benchmark's figures must keep, as data: floors.toml says each with its reason."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, convert

FLOORS = Path(__file__).resolve().parents[1] / "floors.toml"


class Floor(Struct, frozen=True, forbid_unknown_fields=True):
    """What a figure may be at most, or must be at least, and why."""

    why: str
    at_most: float | None = None
    at_least: float | None = None

    def holds(self, figure: float) -> bool:
        """Whether a figure keeps it."""
        below = self.at_most is None or figure <= self.at_most
        return below and (self.at_least is None or figure >= self.at_least)

    def text(self) -> str:
        """As in "at most 1.15"."""
        bounds = {"at least": self.at_least, "at most": self.at_most}
        return " and ".join(f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None)


def floors(benchmark: str, path: Path = FLOORS) -> dict[str, Floor]:
    """The floors of a benchmark, by the figure that each is for."""
    return convert(tomllib.loads(path.read_text()).get(benchmark, {}), dict[str, Floor])


def broken(kept: Mapping[str, Floor], figures: Mapping[str, float]) -> list[str]:
    """A line for each floor that does not hold; a figure that was not measured breaks its floor, too."""
    lines = []
    for name, floor in kept.items():
        if name not in figures:
            lines.append(f"{name}: not measured with these options; it must be {floor.text()} ({floor.why})")
        elif not floor.holds(figures[name]):
            lines.append(f"{name}: {figures[name]:g}, but it must be {floor.text()} ({floor.why})")
    return lines
