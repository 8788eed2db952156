"""Every system of the comparison, with how it is started."""

import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path

import confluent_kafka

from benchmarks.rig import machine
from benchmarks.rig.pool import DATA_PROCESSOR
from benchmarks.rig.servers import ROOT
from benchmarks.systems import building
from benchmarks.systems.system import Command, Guarantee, Place, System
from tests import stack

# A gigabyte is plenty for either, and the collector for throughput costs the least CPU: that it pauses would show in
# latencies, which are not measured here.
_JVM = ("java", "-Xms1g", "-Xmx1g", "-XX:+UseParallelGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error")


def _pool(_built: Path, place: Place) -> list[Command]:
    environment = stack.environment(place.settings, place.folder)
    slots = [str(slot) for slot in range(place.settings.topics.partitions)]
    workers = [Command("worker", [DATA_PROCESSOR, "worker", "--slot", slot], environment) for slot in slots]
    return [*workers, Command("flusher", [DATA_PROCESSOR, "flusher"], environment)]


def _java(own: tuple[str, ...], built: Path, place: Place) -> list[Command]:
    classpath = f"{built / 'classes'}:{built / 'jars'}/*"
    arguments = [*_JVM, "-cp", classpath, "Logins", *_names(place), str(place.folder), *own]
    return [Command("job", arguments)]


def _quix(python: Path, place: Place) -> list[Command]:
    script = str(building.SOURCES / "quix_streams" / "logins.py")
    command = [str(python), script, *_names(place), "exactly-once"]
    return [Command("job", [*command, str(place.folder / str(number))]) for number in _a_partition_each(place)]


def _loop(_built: Path, place: Place) -> list[Command]:
    script, redis = str(building.SOURCES / "plain_loop" / "logins.py"), place.settings.redis
    command = [sys.executable, script, *_names(place)[:-1], redis.url, redis.prefix]
    return [Command("job", command) for _ in _a_partition_each(place)]


def _copy(program: Path, place: Place) -> list[Command]:
    command = [sys.executable, str(program)] if program.suffix == ".py" else [str(program)]
    arguments = [*command, *_names(place)[:-1], str(place.settings.topics.partitions)]
    return [Command("job", arguments, {"PYTHONPATH": str(ROOT)})]


def _names(place: Place) -> list[str]:
    topics = place.settings.topics
    return [place.bootstrap, place.settings.group, topics.input, topics.processed, topics.aggregations]


def _a_partition_each(place: Place) -> range:
    """As many processes as partitions, for systems whose process can use but one core: as the pool has workers."""
    return range(place.settings.topics.partitions)


def _jar(library: str, built: Path) -> str:
    """The version of a library as its jar's name has it."""
    return next((built / "jars").glob(f"{library}-[0-9]*.jar")).stem.removeprefix(f"{library}-")


def _client(_built: Path) -> str:
    return version("confluent-kafka")


def _librdkafka(_built: Path) -> str:
    return confluent_kafka.libversion()[0]


def _commit(_built: Path) -> str:
    return machine.commit()


def _quix_version(_python: Path) -> str:
    return (building.SOURCES / "quix_streams" / "requirements.txt").read_text().strip().partition("==")[2]


def _streams(name: str, guarantee: Guarantee, *own: str, title: str = "Kafka Streams") -> System:
    build, jar = partial(building.jvm, "kafka_streams"), partial(_jar, "kafka-streams")
    return System(name, title, build, jar, partial(_java, own), guarantee)


def _flink(name: str, guarantee: Guarantee, *own: str) -> System:
    build, jar = partial(building.jvm, "flink_sql"), partial(_jar, "flink-table-runtime")
    return System(name, "Flink SQL", build, jar, partial(_java, own), guarantee)


def _source(*path: str) -> Path:
    return building.SOURCES.joinpath(*path)


SYSTEMS = (
    System("copy", "bare copy in C", partial(building.c, "bare_copy"), _librdkafka, _copy, counts=()),
    System("copy-python", "bare copy in Python", partial(_source, "bare_copy", "copy.py"), _client, _copy, counts=()),
    System("pool", "this pool", _source, _commit, _pool, counts=("redis", "topic"), ours=True),
    _streams("streams", "exactly once", "exactly_once_v2", "100"),  # its own default for this guarantee
    # As seldom as Flink's checkpoints: cheaper, and ten times as late.
    _streams("streams-1s", "exactly once", "exactly_once_v2", "1000", title="Kafka Streams, 1 s commits"),
    _flink("flink", "exactly once", "exactly-once"),
    _streams("streams-alo", "at least once", "at_least_once", "1000"),
    _flink("flink-alo", "at least once", "at-least-once"),
    System("quix", "Quix Streams", partial(building.python, "quix_streams"), _quix_version, _quix, slow=True),
    System("loop", "the usual loop", _source, _client, _loop, "at least once", counts=("redis",), slow=True),
)
"""In the order of a round."""
