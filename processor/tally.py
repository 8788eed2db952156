"""A worker's numbers of what it has processed: told once a batch."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from time import time

from processor.logins.batch import Batch, Record
from processor.logins.records import Rejected
from processor.metrics.meter import add, observe, put
from processor.metrics.told import AGE, BATCH_RECORDS, CONSUMED, DEAD_LETTERED, PRODUCED, PROGRESS, SKIPPED


def processed(batches: Sequence[Batch], committed: Mapping[int, int]) -> None:
    """These were committed just now, but for what lies below `committed`: the output had that already."""
    now = time()
    observe(BATCH_RECORDS, sum(len(batch.part.records) for batch in batches))
    for batch in batches:
        partition = batch.part.partition
        records = len(batch.part.records)
        add(CONSUMED, records, str(partition))
        put(PROGRESS, now, str(partition))
        written = batch.since(committed[partition]) if batch.part.end > committed[partition] else None
        if written is not None:
            _written(written, now)
        if (skipped := records - (0 if written is None else len(written.part.records))) > 0:
            add(SKIPPED, skipped, "output")


def idle(partitions: Collection[int]) -> None:
    """There was nothing to take from any of these."""
    now = time()
    for partition in partitions:
        put(PROGRESS, now, str(partition))


def _written(batch: Batch, now: float) -> None:
    records = batch.part.records
    add(PRODUCED, len(records) - batch.rejected, str(batch.part.partition))
    if batch.rejected:
        for reason, times in Counter(why.reason for why in batch.users if isinstance(why, Rejected)).items():
            add(DEAD_LETTERED, times, reason)
    if records:  # they lie in the order in which they came, and are a few hundred: the first one's age stands for all
        observe(AGE, _age(records[0], now), weight=len(records))


def _age(record: Record, now: float) -> float:
    return max(0.0, now - record.timestamp()[1] / 1000)
