"""Does this VM's share of the pool get on? For /readyz, and for whoever waits before the next restart. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from processor.exporter.pool import KafkaView
from processor.metrics.files import Told
from processor.metrics.told import PROCESS_STATE, PROGRESS, STOPPED

_SILENT_SECONDS = 10.0  # a process tells every second; a machine that is overloaded may take longer


def hindrances(told: Sequence[Told], kafka: KafkaView | None, patience: float, now: float) -> list[str]:
    """Everything that keeps this VM's workers from getting on, each in a few words; empty: it is ready.

    A partition that waits for longer than `patience` seconds without progress is one, unless Kafka says that nothing is
    waiting in it.
    """
    workers = [each for each in told if each.process.startswith("worker-")]
    if not workers:
        return ["no worker runs here"]
    return [f"{worker.process} {what}" for worker in workers for what in _of(worker, kafka, patience, now)]


def _of(worker: Told, kafka: KafkaView | None, patience: float, now: float) -> Iterator[str]:
    if now - worker.at > _SILENT_SECONDS:
        yield f"has said nothing for {now - worker.at:.0f} s"
    state = next((labels[0] for labels, value in _values(worker, PROCESS_STATE.name) if value), "silent")
    if state not in {"working", "spare"}:
        yield f"is {state}"
    if any(value for _, value in _values(worker, STOPPED.name)):
        yield "has a partition that the breaker stopped: see `data-processor status`"
    for labels, at in _values(worker, PROGRESS.name):
        if now - at > patience and not _nothing_waits(kafka, int(labels[0])):
            yield f"has not got on with partition {labels[0]} for {now - at:.0f} s"


def _values(worker: Told, metric: str) -> Iterable[tuple[tuple[str, ...], float]]:
    return ((s.labels, s.value) for s in worker.series if s.metric == metric and isinstance(s.value, float))


def _nothing_waits(kafka: KafkaView | None, partition: int) -> bool:
    found = kafka.partitions.get(partition) if kafka is not None else None
    return found is not None and found.places["committed"].lag_seconds == 0.0
