"""A Kafka and a Redis as deploy/ secures them. Only the pool comes in that way: whoever measures has another."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import redis
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.rig.servers import ROOT, Servers
from deploy.local import jars, ports, servers
from deploy.local.place import Secured
from deploy.local.redis_tls import SecuredRedis
from deploy.redis import users
from deploy.tls.__main__ import wanted
from deploy.tls.authority import Authority
from processor.config import secrets
from processor.kafka import acls
from processor.kafka.cluster import Cluster
from processor.kafka.rights import ROLES, rights
from processor.settings import KafkaSettings, KafkaValue, Settings
from tests import stack

_PROTOCOLS = {"OPEN": "PLAINTEXT", "CLIENTS": "SASL_SSL", "CERTIFICATES": "SSL", "CONTROLLERS": "SSL"}


class SecuredServers(Struct, frozen=True):
    """Both servers; `where` names the plaintext listeners, which feeding and checking use."""

    where: Servers
    authority: Authority
    kafka_port: int
    redis_port: int

    @property
    def secrets(self) -> Path:
        """The passwords, a file a role."""
        return self.where.folder / "secrets"

    def for_pool(self, settings: Settings) -> Settings:
        """Give each role its rights in this pool; the settings with which its processes come in as their roles."""
        cluster = Cluster(settings)
        acls.give(cluster, rights(settings))
        self._allow(settings.redis.prefix)
        trusted, host = str(self.authority.trusted), ports.LOOPBACK
        client: dict[str, KafkaValue] = {
            "bootstrap.servers": f"{host}:{self.kafka_port}",
            "security.protocol": "SASL_SSL",
            "sasl.mechanisms": "SCRAM-SHA-512",
            "sasl.username": "{role}",
            "sasl.password.file": str(self.secrets / "{role}"),
            "ssl.ca.location": trusted,
        }
        password = str(users.password_file(self.secrets / "redis", "{role}"))
        own = {"url": f"rediss://{host}:{self.redis_port}/0", "ca_file": trusted, "username": "{role}"}
        counts = replace(settings.redis, password_file=password, **own)
        return replace(settings, kafka=KafkaSettings(client=client), redis=counts)

    def _allow(self, prefix: str) -> None:
        write_users(self.secrets / "redis", prefix)
        with closing(redis.Redis.from_url(self.where.redis.url)) as client:
            client.acl_load()


def write_users(folder: Path, prefix: str) -> Path:
    """Redis's file of users as shipped, but that whoever measures needs no name."""
    path = users.write(folder, [prefix])
    others = [line for line in path.read_text().splitlines() if not line.startswith("user default ")]
    path.write_text("\n".join(["user default on nopass ~* &* +@all", *others, ""]))
    return path


@contextmanager
def started() -> Iterator[SecuredServers]:
    """Start both; they end with this process, however it ends."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        authority = Authority(folder / "tls")
        authority.prepare()
        authority.renew(wanted(1, {}))
        kafka_port, redis_port = ports.pick_free(2)
        kafka, store = _broker(folder, kafka_port), _redis(folder, authority, redis_port)
        try:
            kafka.start()
            store.start()
            made = SecuredServers(Servers(kafka, store, folder), authority, kafka_port, redis_port)
            _set_passwords(made)
            yield made
        finally:
            store.stop()
            kafka.stop()


def _set_passwords(made: SecuredServers) -> None:
    cluster = Cluster(Settings(kafka=KafkaSettings(client={"bootstrap.servers": made.where.kafka.bootstrap})))
    for role in ROLES:
        file = made.secrets / role
        secrets.make_up(file)
        acls.set_password(cluster, role, secrets.read(str(file), role, "benchmark"))


def _broker(folder: Path, clients: int) -> servers.Broker:
    """One as shipped, with a listener more, whose clients are nobody and may do everything."""
    opened, controllers, certificates = ports.pick_free(3)
    numbers = {"OPEN": opened, "CLIENTS": clients, "CERTIFICATES": certificates, "CONTROLLERS": controllers}
    listeners = ",".join(f"{name}://{ports.LOOPBACK}:{number}" for name, number in numbers.items())
    overrides = {
        "listeners": listeners,
        "advertised.listeners": listeners,
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in _PROTOCOLS.items()),
        "super.users": "User:broker-1;User:admin;User:ANONYMOUS",
    }
    secured = Secured(folder / "tls", certificates)
    where = (folder / "kafka", jars.jars_folder(ROOT / ".local"), opened, controllers, overrides)
    return servers.Broker(*where, dies_with_parent=True, secured=secured)


def _redis(folder: Path, authority: Authority, port: int) -> stack.RedisServer:
    (opened,) = ports.pick_free(1)
    own = authority.path("redis")
    secured = SecuredRedis(own, own, authority.trusted, write_users(folder / "secrets" / "redis", "logins"))
    options = (*secured.options(port), "--port", str(opened))  # what tls.conf closed
    return stack.RedisServer(folder / "redis", opened, dies_with_parent=True, options=options)
