"""A primary, a replica and three Sentinels as deploy/redis secures them: TLS, and a user with few rights for each."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import redis
from msgspec.structs import replace

from deploy.local.daemon import Daemon
from deploy.local.ports import LOOPBACK, pick_free
from deploy.local.servers import REDIS_CONF
from deploy.redis import users
from processor.settings import RedisSettings
from tests.certificates import Authority
from tests.pool import eventually
from tests.redises import MASTER, SENTINEL_CONF
from tests.secured_redis import SecuredRedis, write_users

TLS_CONF = REDIS_CONF.with_name("tls.conf")


class SecuredWatched:
    """What `secured_watched` starts."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.secrets = Authority(folder / "tls"), folder / "secrets"
        self._files = self.authority.sign("redis")
        self._users = write_users(self.secrets, ["logins"])
        numbers = pick_free(5)
        self.servers = [self._server(folder / f"redis-{port}", port) for port in numbers[:2]]
        self._sentinels = {port: self._sentinel(folder / f"sentinel-{port}", port) for port in numbers[2:]}

    @property
    def primary(self) -> SecuredRedis:
        """Who a Sentinel says it is."""
        port = int(self._said(min(self._sentinels))["port"])
        return next(server for server in self.servers if server.port == port)

    def settings(self, role: str) -> RedisSettings:
        """What a process of this role has, which asks the Sentinels for the primary."""
        sentinels = ",".join(f"{LOOPBACK}:{port}" for port in self._sentinels)
        return replace(self.servers[0].settings(role), sentinels=sentinels, master=MASTER)

    def start(self) -> None:
        """Return when the replica follows, and each Sentinel knows of it and of the others."""
        for server in self.servers:
            server.start()
        with self.servers[1].client() as replica:
            replica.replicaof(LOOPBACK, str(self.servers[0].port))
        for daemon in self._sentinels.values():
            folder = daemon.output.parent
            daemon.start(["redis-server", str(folder / "sentinel.conf"), "--sentinel"], {}, folder)
        for port in self._sentinels:
            eventually("it knows the others", lambda port=port: self._knows_all(port), 60)  # type: ignore[misc]

    def stop(self) -> None:
        """End all, however."""
        for daemon in self._sentinels.values():
            daemon.kill()
        for server in self.servers:
            server.kill()

    def _server(self, folder: Path, port: int) -> SecuredRedis:
        """With a file of its own, into which Sentinels write: no password is among its arguments."""
        folder.mkdir(parents=True)
        conf, (certificate, key) = folder / "redis.conf", self._files
        own = (
            *(f"include {path}" for path in (REDIS_CONF, TLS_CONF)),
            f"tls-port {port}",
            *_certified(certificate, key, self.authority.certificate),
            f"aclfile {self._users}",
            "masteruser replica",
            f"masterauth {users.password_file(self.secrets, 'replica').read_text().strip()}",
            "repl-diskless-sync-delay 0",
        )
        conf.write_text("".join(f"{line}\n" for line in own))
        options = ("--port", "0")  # after what the tests' servers are given
        made = SecuredRedis(
            folder, port, dies_with_parent=True, options=options, ca=self.authority.certificate, conf=conf
        )
        made.authority, made.secrets, made.prefixes = self.authority, self.secrets, ["logins"]
        return made

    def _sentinel(self, folder: Path, port: int) -> Daemon:
        folder.mkdir(parents=True)
        text = SENTINEL_CONF.read_text().replace("redis-1 6379", f"{LOOPBACK} {self.servers[0].port}")
        quicker = re.sub(r"(down-after-milliseconds \S+) 5000", r"\1 1000", text)
        own = (
            *("port 0", f"tls-port {port}", "tls-replication yes", "tls-auth-clients optional", f"dir {folder}"),
            *_certified(*self._files, self.authority.certificate),
            f"sentinel auth-user {MASTER} sentinel",
            f"sentinel auth-pass {MASTER} {users.password_file(self.secrets, 'sentinel').read_text().strip()}",
        )
        (folder / "sentinel.conf").write_text(quicker + "".join(f"\n{line}" for line in own))
        return Daemon("Sentinel", folder / "pid", folder / "log", dies_with_parent=True)

    def _said(self, port: int) -> dict[str, str]:
        trusted = {"ssl": True, "ssl_ca_certs": str(self.authority.certificate), "decode_responses": True}
        with closing(redis.Redis(LOOPBACK, port, **trusted)) as sentinel:  # type: ignore[arg-type]
            found: dict[str, str] = sentinel.sentinel_master(MASTER)
            return found

    def _knows_all(self, port: int) -> bool:
        try:
            said = self._said(port)
        except redis.RedisError:
            return False
        return int(said["num-slaves"]) == 1 and int(said["num-other-sentinels"]) == len(self._sentinels) - 1


def _certified(certificate: Path, key: Path, authority: Path) -> tuple[str, ...]:
    return f"tls-cert-file {certificate}", f"tls-key-file {key}", f"tls-ca-cert-file {authority}"


@contextmanager
def secured_watched(folder: Path) -> Iterator[SecuredWatched]:
    """Start all, and end all."""
    made = SecuredWatched(folder)
    try:
        made.start()
        yield made
    finally:
        made.stop()
