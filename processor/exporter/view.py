"""All that is known at a moment, as values of the declared metrics."""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from processor.exporter.asking import Answer
from processor.exporter.pool import KafkaView, RedisView, Supervised
from processor.metrics import found, told
from processor.metrics.files import Told
from processor.metrics.metric import Metric
from processor.metrics.table import TABLE

Value = float | Sequence[float]
Sample = tuple[Metric, tuple[str, ...], Value]


class View(Struct, frozen=True):
    """What the processes told, and what the systems answered."""

    told: Sequence[Told]
    kafka: Answer[KafkaView]
    redis: Answer[RedisView]
    supervisor: Answer[list[Supervised]]
    ready: bool
    build: tuple[str, ...]


def samples(view: View) -> Iterator[Sample]:
    """Every value, in no order; what is not known has none."""
    for each in view.told:
        yield from _told(each)
    if view.kafka.value is not None:
        yield from _kafka(view.kafka.value, view.redis.value)
    if view.redis.value is not None:
        yield from _redis(view.redis.value, view.kafka.value)
    for process in view.supervisor.value or ():
        yield from _supervised(process)
    answers: tuple[Answer[Any], ...] = (view.kafka, view.redis, view.supervisor)
    for system, answer in zip(found.SYSTEMS, answers, strict=True):
        yield found.REACHABLE, (system,), float(answer.value is not None)
        yield found.LOOK_SECONDS, (system,), answer.took
        if answer.at:
            yield found.LOOKED, (system,), answer.at
    yield found.READY, (), float(view.ready)
    yield found.BUILD, view.build, 1.0


def _told(one: Told) -> Iterator[Sample]:
    """What another version told that this one does not know, or knows otherwise, is left out."""
    yield told.PROCESS_STARTS, (one.process,), one.starts
    yield told.PROCESS_START_TIME, (one.process,), one.since
    yield told.PROCESS_TOLD, (one.process,), one.at
    for series in one.series:
        metric = TABLE.get(series.metric)
        if metric is not None and metric.of_process and _fits(metric, series.labels, series.value):
            yield metric, (one.process, *series.labels), series.value


def _fits(metric: Metric, labels: tuple[str, ...], value: Value) -> bool:
    buckets = len(metric.bounds) + 2 if metric.bounds else 0
    return len(labels) + 1 == len(metric.labels) and (len(value) if isinstance(value, list) else 0) == buckets


def _kafka(kafka: KafkaView, redis: RedisView | None) -> Iterator[Sample]:
    yield found.LETTERS, (), kafka.letters
    for number, partition in kafka.partitions.items():
        label = str(number)
        yield found.START_OFFSET, (label,), partition.start
        yield found.END_OFFSET, (label,), partition.end
        if redis is not None:
            yield found.PARTITION_STOPPED, (label,), float(number in redis.stopped)
        for position, place in partition.places.items():
            yield found.POSITION, (label, position), place.offset
            yield found.LAG_RECORDS, (label, position), max(0, partition.end - place.offset)
            if place.lag_seconds is not None:
                yield found.LAG_SECONDS, (label, position), place.lag_seconds


def _redis(redis: RedisView, kafka: KafkaView | None) -> Iterator[Sample]:
    yield found.LEASE, (), redis.lease_seconds
    for state in redis.shards:
        label = (str(state.shard),)
        if kafka is not None:
            yield found.SHARD_READY, label, float(state.lineage == kafka.lineage)
        yield found.SHARD_USERS, label, state.users
        yield found.SHARD_CHANGED, label, state.changed
        yield found.SHARD_PUBLISHING, label, state.publishing or 0
        yield found.SHARD_RESTORED, label, state.restoring or 0


def _supervised(one: Supervised) -> Iterator[Sample]:
    name = one.process.name
    for state in found.SUPERVISED_STATE.values["state"]:
        yield found.SUPERVISED_STATE, (name, state), float(state == one.process.state.lower())
    if one.process.started:
        yield found.SUPERVISED_SINCE, (name,), one.process.started
    for metric, value in ((found.MEMORY, one.memory), (found.CPU, one.cpu), (found.OPEN_FILES, one.files)):
        if value is not None:
            yield metric, (name,), value
