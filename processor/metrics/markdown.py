"""The table of metrics for people: deploy/METRICS.md is what this makes of it."""

from processor.metrics.metric import Kind, Metric, Section
from processor.metrics.table import SECTIONS

_HEAD = """# Metrics

What `data-processor exporter` answers on `/metrics`, one port a VM. Made from
[processor/metrics/](../processor/metrics/table.py) by `data-processor metrics > deploy/METRICS.md`; a test holds both
together. Names, labels and units are a contract. No label names a user.
"""


def markdown() -> str:
    """All of it."""
    return "\n".join([_HEAD, *map(_section, SECTIONS)])


def _section(section: Section) -> str:
    rows = [f"| `{m.name}` | {_kind(m)} | {m.unit} | {_labels(m)} | {_meaning(m)} |" for m in section.metrics]
    head = ["| name | kind | unit | labels | meaning |", "|---|---|---|---|---|"]
    return "\n".join([f"## {section.title}\n", f"{section.about}\n", *head, *rows, ""])


def _kind(metric: Metric) -> str:
    return "gauge" if metric.kind is Kind.STATES else metric.kind.value


def _labels(metric: Metric) -> str:
    return ", ".join(f"`{label}`" for label in metric.labels)


def _meaning(metric: Metric) -> str:
    known = [f"`{label}`: {', '.join(values)}" for label, values in metric.values.items()]
    one_of = ["1 for the state that it is in, 0 for the others"] if metric.kind is Kind.STATES else []
    return "; ".join([metric.meaning, *one_of, *known])
