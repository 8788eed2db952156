"""A Kafka and a Redis for one benchmark: properties as shipped, free ports, and a folder that goes with them."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from confluent_kafka.admin import AdminClient
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.rig.waiting import until
from deploy.local import jars, ports, servers
from processor.errors import Unavailable
from processor.kafka import offsets
from processor.kafka.cluster import Cluster
from processor.kafka.quiet import QUIET
from processor.settings import Settings
from tests import redises, stack

ROOT = stack.ROOT


class Servers(Struct, frozen=True):
    """One broker and one Redis, or a Cluster's nodes instead, and the folder for whatever else a run leaves."""

    kafka: servers.Broker
    redis: stack.RedisServer
    folder: Path
    nodes: Sequence[stack.RedisServer] = ()

    @property
    def pids(self) -> dict[str, list[int]]:
        """Their processes, as CPU is accounted."""
        return {"broker": [self.kafka.daemon.pid or 0], "redis": [each.daemon.pid or 0 for each in self.counting]}

    @property
    def counting(self) -> Sequence[stack.RedisServer]:
        """Every Redis that holds counts."""
        return self.nodes or (self.redis,)


@contextmanager
def started() -> Iterator[Servers]:
    """Start both; they end with this process, however it ends. Unlike the tests' broker, this one has the whole JIT."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        fetched = jars.jars_folder(ROOT / ".local")
        jars.fetch(fetched, folder / "maven.log")
        port, controller = ports.pick_free(2)
        kafka = servers.Broker(folder / "kafka", fetched, port, controller, dies_with_parent=True)
        redis = stack.new_redis(folder / "redis")
        kafka.daemon.own_session = redis.daemon.own_session = False  # they share the cores with the workers, one by one
        try:
            kafka.start()
            redis.start()
            yield Servers(kafka, redis, folder)
        finally:
            redis.stop()
            kafka.stop()


@contextmanager
def clustered(where: Servers) -> Iterator[Servers]:
    """Start a Redis Cluster of three nodes beside them, which holds the counts of whoever uses what is handed out."""
    nodes = redises.Nodes(where.folder / "nodes")
    with redises.running(nodes):
        yield replace(where, nodes=tuple(nodes.servers))


@contextmanager
def topics(where: Servers, partitions: int, shards: int = 1) -> Iterator[Settings]:
    """Make settings whose every name is new, and their four topics, which are deleted afterwards."""
    folder = where.folder / uuid4().hex[:8]
    folder.mkdir()
    made = stack.new_settings(where.kafka, where.redis, folder / "run")
    sizes = replace(made.topics, partitions=partitions)
    exporter = replace(made.exporter, port=ports.pick_free(1)[0])
    nodes = ",".join(f"{ports.LOOPBACK}:{node.port}" for node in where.nodes)
    redis = replace(made.redis, cluster=nodes, shards=shards)
    settings = replace(made, topics=sizes, exporter=exporter, redis=redis)
    stack.create_topics(settings)
    cluster = Cluster(settings)
    until("all new partitions have leaders", lambda: _led(settings, cluster), 60)
    try:
        yield settings
    finally:
        _delete(settings)


def _delete(settings: Settings) -> None:
    """Delete all four topics, and wait until it is done: the disk is free again, and the broker at rest."""
    admin = AdminClient({**settings.kafka.client, "logger": QUIET})  # type: ignore[dict-item]  # a logger is taken, too
    for deleted in admin.delete_topics(stack.topic_names(settings)).values():
        deleted.result(timeout=60)


def _led(settings: Settings, cluster: Cluster) -> bool:
    try:
        return all(offsets.bounds(cluster, name) for name in stack.topic_names(settings))
    except Unavailable:
        return False
