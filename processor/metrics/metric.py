"""A metric as it is declared: by Prometheus' conventions, base units, the unit in the name, `_total` on counters."""

from collections.abc import Mapping, Sequence
from enum import Enum

from msgspec import Struct

PROCESS = (
    "process"  # the label that tells a process from the others of its VM: worker-00, flusher, as supervisor has it
)

# OpenTelemetry's bounds for the time of messaging operations.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
AGES = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
SIZES = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000)


class Kind(Enum):
    """What may be done with a metric's values."""

    COUNTER = "counter"  # only rises, until its process is started anew
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    STATES = "state"  # a gauge a state: 1 for the one that is, 0 for the others


class Metric(Struct, frozen=True, eq=False):
    """One metric; `labels` in order, `values` what those may be whose values are known beforehand."""

    name: str
    kind: Kind
    unit: str  # "" where it is a bare number
    meaning: str
    labels: Sequence[str] = ()
    values: Mapping[str, Sequence[str]] = {}
    bounds: Sequence[float] = ()  # of a histogram

    @property
    def of_process(self) -> bool:
        """Whether a process tells it of itself; otherwise the exporter finds it out."""
        return self.labels[:1] == (PROCESS,)


class Section(Struct, frozen=True):
    """Metrics that belong together, and a sentence about where they come from."""

    title: str
    about: str
    metrics: Sequence[Metric]


def counter(name: str, unit: str, meaning: str, *labels: str, **values: Sequence[str]) -> Metric:
    """Declare a counter; the values of a label may be named by keyword, and then start at 0."""
    return Metric(name, Kind.COUNTER, unit, meaning, (*labels, *values), values)


def gauge(name: str, unit: str, meaning: str, *labels: str, **values: Sequence[str]) -> Metric:
    """Declare a gauge, as `counter`."""
    return Metric(name, Kind.GAUGE, unit, meaning, (*labels, *values), values)


def states(name: str, meaning: str, *labels: str, state: Sequence[str]) -> Metric:
    """Declare a metric that is in one of some states."""
    return Metric(name, Kind.STATES, "", meaning, (*labels, "state"), {"state": state})


def histogram(
    name: str, unit: str, meaning: str, bounds: Sequence[float], *labels: str, **values: Sequence[str]
) -> Metric:
    """Declare a histogram, as `counter`; Prometheus adds `_bucket`, `_count` and `_sum` to its name."""
    return Metric(name, Kind.HISTOGRAM, unit, meaning, (*labels, *values), values, bounds)
