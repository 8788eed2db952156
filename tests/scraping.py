"""What a Prometheus would see of an exporter."""

import urllib.error
import urllib.request
from http import HTTPStatus

from prometheus_client.parser import text_string_to_metric_families

from processor.metrics.table import TABLE
from processor.settings import Settings

Labels = dict[str, str]


class Scrape:
    """Everything on /metrics; all of it is declared, with the labels that are declared."""

    def __init__(self, settings: Settings) -> None:
        status, text = get(settings, "/metrics")
        assert status == HTTPStatus.OK
        self.text = text
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        for sample in self._samples:
            name = next(n for n in (sample.name, *(sample.name.removesuffix(s) for s in SUFFIXES)) if n in TABLE)
            assert set(sample.labels) - {"le"} == set(TABLE[name].labels)

    def all(self, name: str, **labels: str) -> list[tuple[Labels, float]]:
        """Each value of a metric that has these labels."""
        return [
            (sample.labels, sample.value)
            for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def sum(self, name: str, **labels: str) -> float:
        """The sum of them."""
        return sum(value for _, value in self.all(name, **labels))

    def names(self) -> set[str]:
        """The metrics that are there."""
        found = {sample.name for sample in self._samples}
        return {n for n in TABLE if n in found or f"{n}_bucket" in found}


SUFFIXES = ("_bucket", "_count", "_sum")


def get(settings: Settings, path: str) -> tuple[int, str]:
    """A page's status and text; 0 while nobody listens."""
    address = f"{settings.exporter.host}:{settings.exporter.port}"
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()
    except OSError:
        return 0, ""
