"""Draws a dashboard's panels from a living Prometheus into a PNG, for where there is no Grafana.

python -m deploy.grafana.picture --minutes 10 overview.png
"""

import argparse
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import matplotlib as mpl
from matplotlib import pyplot

from deploy.grafana.boards import BOARDS
from deploy.grafana.panels import Board, Panel

_POINTS = 240  # of a line, about as many as a panel has pixels for
_COLOURS = {"green": "#2e7d32", "orange": "#ef6c00", "red": "#c62828"}


@dataclass(frozen=True)
class Span:
    """From when to when, in seconds since the epoch."""

    begin: float
    end: float


Series = tuple[str, list[float], list[float]]  # name, seconds since the span's end, values


def asked(prometheus: str, expr: str, span: Span) -> list[Any]:
    """Prometheus' answer to a range query; raises OSError when it does not answer, or refuses."""
    step = (span.end - span.begin) / _POINTS
    parameters = {"query": expr, "start": span.begin, "end": span.end, "step": step}
    with urlopen(f"{prometheus}/api/v1/query_range?{urlencode(parameters)}", timeout=30) as answer:  # noqa: S310 (main() has checked it)
        found: list[Any] = json.load(answer)["data"]["result"]
        return found


def named(legend: str, labels: Mapping[str, str]) -> str:
    """Grafana's legend: {{label}} stands for its value."""
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), legend)


def series_of(prometheus: str, panel: Panel, span: Span) -> list[Series]:
    """All lines of a panel."""
    lines = []
    for query in panel.queries:
        for each in asked(prometheus, re.sub(r"\$\w+", ".*", query.expr), span):
            seconds, values = zip(*((at - span.end, float(value)) for at, value in each["values"]), strict=True)
            lines.append((named(query.legend, each["metric"]), list(seconds), list(values)))
    return lines


def colour_of(panel: Panel, value: float) -> str:
    """The colour of the last threshold that a value has reached."""
    reached = [colour for start, colour in panel.steps if start is None or value >= start]
    return _COLOURS.get(reached[-1], "#37474f") if reached else "#37474f"


def draw(axes: Any, panel: Panel, lines: list[Series]) -> None:
    """One panel."""
    axes.set_title(panel.title, fontsize=9, loc="left")
    if panel.big:
        value = lines[0][2][-1] if lines else float("nan")
        text = panel.words.get(f"{value:g}", f"{value:.3g}")
        axes.axis("off")
        axes.text(0.5, 0.4, text, ha="center", va="center", fontsize=26, color=colour_of(panel, value))
        return
    for name, seconds, values in lines:
        axes.plot([at / 60 for at in seconds], values, label=name, linewidth=1.2)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("minutes", fontsize=7)
    axes.set_ylabel(panel.unit, fontsize=7)
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.2)
    if lines:
        axes.legend(fontsize=6, loc="upper left", ncols=2)


def picture(prometheus: str, board: Board, span: Span, path: Path) -> None:
    """The whole board, on Grafana's grid of 24 columns."""
    mpl.use("Agg")
    heights = [max(panel.height for panel in row.panels) for row in board.rows]
    figure = pyplot.figure(figsize=(15, sum(heights) * 0.62), layout="constrained")
    grid = figure.add_gridspec(len(heights), 24, height_ratios=heights)
    for number, row in enumerate(board.rows):
        column = 0
        for panel in row.panels:
            axes = figure.add_subplot(grid[number, column : column + panel.width])
            draw(axes, panel, series_of(prometheus, panel, span))
            column += panel.width
    figure.suptitle(board.title, fontsize=11)
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def main() -> None:
    """Read the command line, and draw."""
    parser = argparse.ArgumentParser(prog="python -m deploy.grafana.picture", description=__doc__)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL")
    parser.add_argument("--minutes", type=float, default=10.0, help="the last so many (default: %(default)s)")
    parser.add_argument("--board", choices=[board.uid for board in BOARDS], default=BOARDS[0].uid)
    parser.add_argument("path", type=Path)
    given = parser.parse_args()
    if urlsplit(given.prometheus).scheme not in {"http", "https"}:
        parser.error(f"{given.prometheus} is no http or https URL")
    now = time.time()
    board = next(board for board in BOARDS if board.uid == given.board)
    try:
        picture(given.prometheus, board, Span(now - 60 * given.minutes, now), given.path)
    except OSError as problem:
        parser.exit(1, f"Prometheus at {given.prometheus}: {problem}; `deploy/local/up --monitoring` starts one here\n")


if __name__ == "__main__":
    main()
