"""What is known, as prometheus_client writes it down."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from threading import Lock
from time import monotonic

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from processor.exporter.view import Sample, Value
from processor.metrics.metric import Kind, Metric
from processor.metrics.table import TABLE

_KEPT_SECONDS = 1.0  # nothing is known anew more often

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class PoolCollector(Collector):
    """Collects what is known at the moment of a scrape."""

    def __init__(self, know: Callable[[], Iterable[Sample]]) -> None:
        self._know = know

    def collect(self) -> Iterator[Family]:
        """Every metric that has a value, in the order of the table."""
        by_metric: dict[Metric, list[tuple[tuple[str, ...], Value]]] = {metric: [] for metric in TABLE.values()}
        for metric, labels, value in self._know():
            by_metric[metric].append((labels, value))
        return (_family(metric, values) for metric, values in by_metric.items() if values)


def _family(metric: Metric, values: Iterable[tuple[tuple[str, ...], Value]]) -> Family:
    kind = {Kind.COUNTER: CounterMetricFamily, Kind.HISTOGRAM: HistogramMetricFamily}.get(
        metric.kind, GaugeMetricFamily
    )
    made: Family = kind(metric.name, metric.meaning, labels=metric.labels)
    for labels, value in values:
        if isinstance(made, HistogramMetricFamily) and not isinstance(value, float | int):
            made.add_metric(labels, *_buckets(metric, value))
        elif not isinstance(made, HistogramMetricFamily) and isinstance(value, float | int):
            made.add_metric(labels, value)
    return made


def _buckets(metric: Metric, counts: Sequence[float]) -> tuple[list[tuple[str, float]], float]:
    """Prometheus' buckets hold all that lies below their bound."""
    bounds = [*map(floatToGoString, metric.bounds), "+Inf"]
    return list(zip(bounds, accumulate(counts[:-1]), strict=True)), counts[-1]


class Exposition:
    """The answer to a scrape, in the format that it asks for; written once a second at most, however many ask."""

    def __init__(self, know: Callable[[], Iterable[Sample]]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(PoolCollector(know))
        self._lock = Lock()
        self._written: dict[str, tuple[float, bytes]] = {}

    def answer(self, accept: str) -> tuple[str, bytes]:
        """Content type and text."""
        encode, content_type = choose_encoder(accept)
        with self._lock:
            at, text = self._written.get(content_type, (float("-inf"), b""))
            if monotonic() - at > _KEPT_SECONDS:
                text = encode(self._registry)
                self._written = {content_type: (monotonic(), text)}
        return content_type, text
