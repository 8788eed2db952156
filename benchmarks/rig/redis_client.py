"""A client of whatever Redis a pool counts in: one server, or a Cluster."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis, RedisCluster
from redis.cluster import ClusterNode

from processor.settings import RedisSettings

Client = Redis | RedisCluster


@contextmanager
def redis_client(settings: RedisSettings, *, decode: bool = False) -> Iterator[Client]:
    """Open one, and close it; `decode`: answers are text."""
    client: Client
    if settings.cluster:
        places = [address.rsplit(":", 1) for address in settings.cluster.split(",")]
        nodes = [ClusterNode(host, int(port)) for host, port in places]
        client = RedisCluster(startup_nodes=nodes, decode_responses=decode)
    else:
        client = Redis.from_url(settings.url, decode_responses=decode)
    try:
        yield client
    finally:
        client.close()
