"""Runs every pattern and draws what happened: `python -m benchmarks.scaling_simulation [--seed N] [--to FILE]`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from benchmarks.scaling_simulation.judged import cost, reversals, worst_lag
from benchmarks.scaling_simulation.patterns import PATTERNS, RATE, Pattern
from benchmarks.scaling_simulation.world import Moment, World
from processor.settings import ScalerSettings

mpl.use("agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

_SETTINGS = ScalerSettings(min_workers=1)


def main() -> None:
    """Print a line a pattern, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=Path, default=Path(__file__).with_name("scaling.png"))
    given = parser.parse_args()
    figure, rows = plt.subplots(4, 2, figsize=(14, 15), sharex=False, layout="constrained")
    print(f"{'pattern':18} {'turns':>6} {'worst lag':>10} {'cost':>6} {'with the cool-down':>19}")
    for pattern, axes in zip(PATTERNS, rows.flat, strict=True):
        moments = list(World(pattern, given.seed, _SETTINGS).run())
        _draw(axes, pattern, moments)
        held = cost(moments, _SETTINGS.cool_down_seconds)
        lag = worst_lag(moments)
        print(f"{pattern.name:18} {reversals(moments):6} {lag:8.0f} s {cost(moments):6.2f} {held:19.2f}")
    handles, labels = rows.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    figure.savefig(given.to, dpi=80)


def _draw(axes: Axes, pattern: Pattern, moments: Sequence[Moment]) -> None:
    minutes = [moment.at / 60 for moment in moments]
    worth = [moment.arrivals / RATE for moment in moments]
    axes.fill_between(minutes, worth, color="#d0d7de", step="post", label="load, in workers' worth")
    axes.step(minutes, [moment.ideal for moment in moments], "--", color="#57606a", lw=1, label="needed")
    axes.step(minutes, [moment.running for moment in moments], color="#0969da", lw=1.6, label="running")
    axes.set(title=pattern.name, xlabel="minutes", ylabel="workers", ylim=(0, None))
    lag = axes.twinx()
    lag.plot(minutes, [moment.lag_seconds for moment in moments], color="#cf222e", lw=0.8)
    lag.set(ylabel="lag, s", ylim=(0, 120))
    axes.plot([], [], color="#cf222e", lw=0.8, label="lag of the worst partition (right)")


if __name__ == "__main__":
    main()
