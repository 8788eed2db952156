"""Several Redis that belong together: a primary with its replica and Sentinels, and a Cluster of three nodes."""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import redis

from deploy.local.daemon import Daemon
from deploy.local.ports import LOOPBACK, pick_free, redis_answers
from deploy.local.servers import REDIS_CONF
from tests.pool import eventually
from tests.stack import RedisServer

SENTINEL_CONF = REDIS_CONF.with_name("sentinel.conf")
MASTER = "data-processor"
SLOTS = 16_384


class Watched:
    """A primary, a replica that follows it, and three Sentinels with the configuration as shipped, but quicker."""

    def __init__(self, folder: Path) -> None:
        numbers = pick_free(5)
        self.servers = [_follower(folder / f"redis-{port}", port) for port in numbers[:2]]
        self._sentinels = [_sentinel(folder / f"sentinel-{port}", port, self.servers[0].port) for port in numbers[2:]]
        self.addresses = ",".join(f"{LOOPBACK}:{port}" for port in numbers[2:])

    @property
    def primary(self) -> RedisServer:
        """Who the Sentinels say it is."""
        port = int(self._masters()["port"])
        return next(server for server in self.servers if server.port == port)

    def start(self) -> None:
        """Return when the replica follows, and each Sentinel knows of it and of the others."""
        for server in self.servers:
            server.start()
        with self.servers[1].client() as replica:
            replica.replicaof(LOOPBACK, str(self.servers[0].port))
        for daemon, port, folder in self._sentinels:
            daemon.start(["redis-server", str(folder / "sentinel.conf"), "--sentinel"], {}, folder)
            daemon.wait_until(lambda port=port: redis_answers(port), 300)  # type: ignore[misc]
        eventually("all know each other", lambda: all(map(self._knows_all, self.addresses.split(","))))

    def stop(self) -> None:
        """End all, however."""
        for daemon, _, _ in self._sentinels:
            daemon.kill()
        for server in self.servers:
            server.resume()
            server.kill()

    def _masters(self, address: str = "") -> dict[str, str]:
        host, port = (address or self.addresses.split(",")[0]).split(":")
        with redis.Redis(host, int(port), decode_responses=True) as sentinel:
            found: dict[str, str] = sentinel.sentinel_master(MASTER)
            return found

    def _knows_all(self, address: str) -> bool:
        said = self._masters(address)
        return int(said["num-slaves"]) == 1 and int(said["num-other-sentinels"]) == 2


class Nodes:
    """A Redis Cluster of three primaries; nobody stands in for them."""

    def __init__(self, folder: Path) -> None:
        numbers = pick_free(6)
        self.servers = [
            RedisServer(folder / f"node-{port}", port, dies_with_parent=True, options=_clustered(bus))
            for port, bus in zip(numbers[:3], numbers[3:], strict=True)
        ]
        self.buses = numbers[3:]
        self.addresses = ",".join(f"{LOOPBACK}:{server.port}" for server in self.servers)

    def start(self) -> None:
        """Return when all slots have a node, and all nodes agree on it."""
        for server in self.servers:
            server.start()
        thirds = [(number * SLOTS // 3, (number + 1) * SLOTS // 3 - 1) for number in range(3)]
        for server, (first, last) in zip(self.servers, thirds, strict=True):
            with server.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
                client.execute_command("CLUSTER", "MEET", LOOPBACK, self.servers[0].port, self.buses[0])
        self.agree()

    def agree(self) -> None:
        """Wait until every node says that the cluster is well."""
        eventually("the cluster is well", lambda: all(map(_well, self.servers)))

    def home(self, key: str) -> RedisServer:
        """Which node has this key."""
        slot = self._slot(key)
        with self.servers[0].client() as client:
            for first, last, (_, port, *_), *_ in client.execute_command("CLUSTER", "SLOTS"):
                if first <= slot <= last:
                    return next(server for server in self.servers if server.port == port)
        raise LookupError(key)

    def begin_move(self, key: str, target: RedisServer) -> list[str]:
        """Move the keys of this key's slot, one by one, and leave the slot between both; the keys that were moved."""
        slot, source = self._slot(key), self.home(key)
        with source.client() as old, target.client() as new:
            new.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", _id(old))
            old.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", _id(new))
            names: list[str] = old.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100)
            for name in names:
                old.execute_command("MIGRATE", LOOPBACK, target.port, name, 0, 60_000)
        return names

    def end_move(self, key: str, target: RedisServer) -> None:
        """Say that the slot is the target's."""
        slot = self._slot(key)
        with target.client() as client:
            owner = _id(client)
        for server in (target, *(server for server in self.servers if server is not target)):
            with server.client() as client:
                client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", owner)

    def stop(self) -> None:
        """End all, however."""
        for server in self.servers:
            server.kill()

    def _slot(self, key: str) -> int:
        with self.servers[0].client() as client:
            return int(client.execute_command("CLUSTER", "KEYSLOT", key))


@contextmanager
def running(servers: "Watched | Nodes") -> Iterator[None]:
    """Start all, and end all."""
    try:
        servers.start()
        yield
    finally:
        servers.stop()


def _follower(folder: Path, port: int) -> RedisServer:
    folder.mkdir()
    conf = shutil.copy(REDIS_CONF, folder)
    quick = ("--repl-diskless-sync-delay", "0")
    return RedisServer(folder, port, dies_with_parent=True, options=quick, conf=Path(conf))


def _sentinel(folder: Path, port: int, primary: int) -> tuple[Daemon, int, Path]:
    folder.mkdir(parents=True)
    text = SENTINEL_CONF.read_text().replace("redis-1 6379", f"{LOOPBACK} {primary}")
    quicker = re.sub(r"(down-after-milliseconds \S+) 5000", r"\1 1000", text)
    quicker = re.sub(r"(failover-timeout \S+) 20000", r"\1 5000", quicker)
    (folder / "sentinel.conf").write_text(f"{quicker}\nport {port}\ndir {folder}\n")
    return Daemon("Sentinel", folder / "pid", folder / "log", dies_with_parent=True), port, folder


def _clustered(bus: int) -> Sequence[str]:
    return ("--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "2000")


def _well(server: RedisServer) -> bool:
    with server.client() as client:
        try:
            said = client.cluster("INFO")
        except redis.RedisError:
            return False
        return said["cluster_state"] == "ok" and int(said["cluster_known_nodes"]) == 3


def _id(client: "redis.Redis") -> str:
    return str(client.execute_command("CLUSTER", "MYID"))
