"""Plots: one look for all of them, on paper white, with what they were measured on below."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.rig.failed import Failed
from benchmarks.rig.results import Results

COLOURS = {
    "worker": "#2a6f97",
    "flusher": "#74a892",
    "redis": "#c1443c",
    "broker": "#8d99ae",
    "others": "#d6ccc2",
    "idle": "#f2efea",
}
"""Each part of the system has one colour everywhere."""

_DOTS_PER_INCH = 110


@contextmanager
def drawn(path: Path, found: Results, title: str, panels: int = 1) -> Iterator[list[Any]]:
    """Yield so many axes side by side, and save them as PNG; raises Failed without matplotlib."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 (an extra, which only this needs)
    except ImportError:
        raise Failed("without matplotlib there is no plot: pip install -e '.[bench]'") from None
    figure = Figure(figsize=(6.4 * panels, 4.8), layout="constrained")
    figure.suptitle(title)
    lines = described(found)
    below = "\n".join(lines) if panels == 1 else "; ".join(lines)
    figure.supxlabel(below, fontsize="x-small", color="#555555")
    yield [_plain(figure.add_subplot(1, panels, number)) for number in range(1, panels + 1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DOTS_PER_INCH, metadata={"Software": None})


def described(found: Results) -> tuple[str, str]:
    """On what it was measured; and what ran, of which commit and when."""
    machine, versions = found.machine, found.versions
    system = f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gb']} GB, Linux {machine['kernel']}"
    ran = f"Kafka {versions['kafka']}, Redis {versions['redis-server']}, Python {versions['python']}"
    return system, f"{ran}; commit {found.commit}, {found.taken[:10]}"


def _plain(axes: Any) -> Any:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#e5e5e5", linewidth=0.8)
    axes.set_axisbelow(True)
    return axes


def stacked(axes: Any, places: Sequence[str], parts: Mapping[str, Sequence[float]]) -> None:
    """Bars one upon another, each part in its colour."""
    below = [0.0] * len(places)
    for name, values in parts.items():
        axes.bar(places, values, bottom=below, color=COLOURS[name], label=name)
        below = [low + value for low, value in zip(below, values, strict=True)]
    axes.legend(fontsize="small")
