"""On the path of a worker under measurement: it counts nothing, tells nothing and asks for no statistics."""

from contextlib import nullcontext

from processor.kafka import queued
from processor.metrics import meter, telling


def _nothing(*_: object, **__: object) -> None:
    return None


for name in ("add", "put", "observe", "spent", "polled", "keep", "be", "sampling"):
    setattr(meter, name, _nothing)
telling.telling = lambda *_: nullcontext()  # type: ignore[assignment]
queued.QUEUED_MILLISECONDS = 0
