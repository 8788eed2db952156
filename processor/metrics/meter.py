"""A process's numbers, in memory: adding to one costs a fraction of a microsecond, and is done once a batch at most.

Module functions, as in log.py: whatever happens is counted where it happens, without a meter being handed around. One
number is changed by one thread only; whoever reads them (telling.py) may see some of one moment, some of the next.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from time import monotonic, thread_time

from processor.metrics.metric import Kind, Metric
from processor.metrics.told import PROCESS_STATE, SPENT

Labels = tuple[str, ...]


class _Meter:
    """All there is; `state` is what the process is at, `sample` is called before the numbers are read."""

    def __init__(self) -> None:
        self.begin((), ("",))

    def begin(self, metrics: Sequence[Metric], states: Sequence[str]) -> None:
        self.numbers: dict[Metric, dict[Labels, float]] = {m: _known(m) for m in metrics if m.kind is Kind.COUNTER}
        bare = [metric for metric in metrics if metric.kind is Kind.HISTOGRAM and not metric.labels[1:]]
        self.histograms: dict[Metric, dict[Labels, list[float]]] = {metric: {(): _empty(metric)} for metric in bare}
        self.state, self.states = states[0], states
        self.sample: Callable[[], None] = lambda: None
        self.lap = (monotonic(), thread_time())


def _known(metric: Metric) -> dict[Labels, float]:
    return dict.fromkeys(product(*(metric.values.get(label, ()) for label in metric.labels[1:])), 0.0)


def _empty(metric: Metric) -> list[float]:
    return [0.0] * (len(metric.bounds) + 2)  # a bucket a bound, one beyond them, and the sum


_METER = _Meter()


def begin(metrics: Sequence[Metric], states: Sequence[str]) -> None:
    """Start anew with these metrics, at 0 where their labels' values are known: a rate needs the value before."""
    _METER.begin(metrics, states)


def add(metric: Metric, amount: float, *labels: str) -> None:
    """Raise a counter."""
    series = _METER.numbers.setdefault(metric, {})
    series[labels] = series.get(labels, 0.0) + amount


def put(metric: Metric, value: float, *labels: str) -> None:
    """Set a gauge."""
    _METER.numbers.setdefault(metric, {})[labels] = value


def keep(metric: Metric, first: set[str], initial: float) -> None:
    """Forget what was put with another label than these; where one has nothing yet, put the initial value."""
    series = _METER.numbers.setdefault(metric, {})
    for label in first:
        series.setdefault((label,), initial)
    for labels in list(series):
        if labels[0] not in first:
            series.pop(labels, None)


def observe(metric: Metric, value: float, *labels: str, weight: float = 1) -> None:
    """Put a value into a histogram, `weight` times."""
    series = _METER.histograms.setdefault(metric, {})
    counts = series.get(labels)
    if counts is None:
        counts = series[labels] = _empty(metric)
    counts[bisect_left(metric.bounds, value)] += weight
    counts[-1] += value * weight


def be(state: str) -> None:
    """Say what this process is at from now on."""
    _METER.state = state


def sampling(sample: Callable[[], None]) -> None:
    """Have this called, by another thread, before the numbers are read: for what need not be told all along."""
    _METER.sample = sample


def spent(activity: str) -> None:
    """All time since the last call of this or of `polled` was spent so; for one thread alone."""
    now = (monotonic(), thread_time())
    add(SPENT, now[0] - _METER.lap[0], activity)
    _METER.lap = now


def polled() -> None:
    """The same for a poll: waiting is what of it cost no CPU."""
    now = (monotonic(), thread_time())
    whole = now[0] - _METER.lap[0]
    busy = min(whole, now[1] - _METER.lap[1])
    add(SPENT, busy, "poll")
    add(SPENT, whole - busy, "wait")
    _METER.lap = now


def numbers() -> Iterator[tuple[Metric, Labels, float]]:
    """Every counter and gauge as it is now, the state among them."""
    for metric, series in _METER.numbers.copy().items():
        for labels, value in series.copy().items():
            yield metric, labels, value
    for state in _METER.states:
        yield PROCESS_STATE, (state,), float(state == _METER.state)


def histograms() -> Iterator[tuple[Metric, Labels, list[float]]]:
    """Every histogram as it is now: how many in each of its buckets alone and beyond its bounds, and their sum."""
    for metric, series in _METER.histograms.copy().items():
        for labels, counts in series.copy().items():
            yield metric, labels, list(counts)


def sample() -> None:
    """Let the process say what is not told all along."""
    _METER.sample()
