"""Asks everyone, causes before effects: this machine, Kafka, Redis, supervisord, then the pool as `status` has it."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from processor.counts import checkup as redis_checkup
from processor.counts.connection import connect
from processor.doctor import machine, on_kafka, on_machine, on_redis, on_supervisor
from processor.doctor.finding import Finding, Level
from processor.errors import DataProcessorError, Unavailable
from processor.kafka import checkup as kafka_checkup
from processor.kafka.cluster import Cluster
from processor.settings import Settings
from processor.status.gather import Observer
from processor.supervision.supervisor import Process, Supervisor


def findings(settings: Settings, origins: Mapping[str, str]) -> Iterator[Finding]:
    """Everything, as it is found; nothing that is wrong raises."""
    files = sorted({origin for origin in origins.values() if origin.startswith("file ")})
    yield Finding("settings", Level.OK, f"from {', '.join(files) or 'the environment and the defaults'}")
    yield from on_machine.findings(machine.look(settings, origins))
    there = True
    for asked in (_kafka(settings), _redis(settings)):
        for finding in asked:
            there &= not finding.down
            yield finding
    processes = _processes(settings)
    yield from on_supervisor.findings(processes)
    yield on_supervisor.exporter(processes, settings.exporter.port, taken=machine.listens(settings.exporter))
    if there:
        yield from _pool(settings)


def _processes(settings: Settings) -> Sequence[Process] | str:
    try:
        return Supervisor(Path(settings.supervisor_socket)).processes()
    except Unavailable as problem:
        return str(problem)


def _pool(settings: Settings) -> Iterator[Finding]:
    """What `status` finds wrong: owners, positions, lineage, the flusher."""
    observer = Observer(settings)
    try:
        observer.settle()
    except DataProcessorError as refusal:  # the lines above say more
        yield _failed("pool", refusal)
        return
    for problem in observer.problems:
        if not problem.what.startswith("no topic"):  # said already
            yield Finding("pool", Level.WRONG, problem.what, problem.advice)
    if not observer.problems:
        seen = observer.picture
        shards = f"{len(seen.shards)} shard{'s' if len(seen.shards) > 1 else ''} of this lineage"
        yield Finding("pool", Level.OK, f"{len(seen.partitions)} partitions at work, {seen.lag:,} behind, {shards}")


def _kafka(settings: Settings) -> Iterator[Finding]:
    try:
        yield from on_kafka.findings(settings, kafka_checkup.look(settings, Cluster(settings)))
    except DataProcessorError as problem:
        yield _failed("brokers", problem)


def _redis(settings: Settings) -> Iterator[Finding]:
    try:
        redis = connect(settings.redis, "data-processor-doctor")
        refused = redis_checkup.refused(redis, settings.redis.prefix)
        for server in redis.each("asking for its servers"):
            yield from on_redis.findings(redis_checkup.look(server, refused), settings.redis.prefix)
    except DataProcessorError as problem:
        yield _failed("redis", problem)


def _failed(area: str, problem: DataProcessorError) -> Finding:
    """Our errors say what to do themselves, after the last colon as a rule: they are passed on whole."""
    return Finding(area, Level.WRONG, str(problem), down=isinstance(problem, Unavailable))
