"""What is on the dashboards, as data: each panel's question, its queries, and the words for it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Query:
    """A PromQL expression and what its lines are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One panel. `steps` are thresholds with their colours, as (from, colour); the first counts from minus infinity."""

    title: str
    meaning: str
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 8  # of 24
    height: int = 6
    steps: tuple[tuple[float | None, str], ...] = ()
    big: bool = False  # one number instead of a plot
    stacked: bool = False
    words: dict[str, str] = field(default_factory=dict)  # what a big number's values are called


@dataclass(frozen=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    rows: tuple[Row, ...]
    variables: tuple[tuple[str, str], ...] = ()  # name and label_values query


GOOD, BAD, WARNING = "green", "red", "orange"


def fine_at(value: float) -> tuple[tuple[float | None, str], ...]:
    """Red below, green from there on."""
    return ((None, BAD), (value, GOOD))


def bad_from(warning: float, bad: float) -> tuple[tuple[float | None, str], ...]:
    """Green, then orange, then red."""
    return ((None, GOOD), (warning, WARNING), (bad, BAD))


def number(title: str, meaning: str, expr: str, **more: object) -> Panel:
    """One big number."""
    return Panel(title, meaning, (Query(expr),), **({"big": True, "width": 4, "height": 4} | more))  # type: ignore[arg-type]


def lines(title: str, meaning: str, *queries: tuple[str, str], **more: object) -> Panel:
    """A plot with a line for each series."""
    return Panel(title, meaning, tuple(Query(*query) for query in queries), **more)  # type: ignore[arg-type]
