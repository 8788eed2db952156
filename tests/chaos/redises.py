"""A Redis and its replica on machines of their own, with the append-only log, TLS and users that production has."""

from pathlib import Path

from msgspec.structs import replace

from deploy.local.redis_tls import SecuredRedis
from deploy.redis import users
from deploy.tls.authority import Authority, Wanted
from processor.settings import RedisSettings
from tests.chaos.network import HARNESS, Machine
from tests.secured_redis import PASSWORD, write_users
from tests.stack import RedisServer

PORT = 6379
# A file that may not grow is to Redis as a full disk; the signal that comes with it would end it.
PATIENT = ("env", "--ignore-signal=XFSZ")
OPTIONS = ("--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes")
OPEN = ("--protected-mode", "no")  # no password inside a network that nobody else can reach
PREFIXES = ("logins", "annex-*")  # of keys: the pool's, and those of small pools beside it


class SecuredServer(RedisServer):
    """One that speaks TLS only, and lets nobody in without a name."""

    @property
    def url(self) -> str:
        """For the harness, which may do everything."""
        return f"rediss://tests:{PASSWORD}@{self.host}:{self.port}/0?ssl_ca_certs={self.ca}"


class Redises:
    """Two servers: `primary` is the one that the pool's proxies lead to, `replica` follows it."""

    def __init__(self, directory: Path, authority: Authority | None) -> None:
        self.machines = [Machine(f"redis-{number}", 30 + number) for number in (1, 2)]
        self._authority = authority  # None: all is plaintext, and nobody needs a password
        self._secrets = directory / "redis-secrets"
        options = (*OPTIONS, *(self._secured(authority) if authority else OPEN))
        self._servers = [
            (SecuredServer if authority else RedisServer)(
                directory / machine.name,
                PORT,
                dies_with_parent=True,
                host=machine.address,
                within=(*machine.within, *PATIENT),
                options=options,
                ca=authority and authority.trusted,
            )
            for machine in self.machines
        ]

    def settings(self, port: int, shards: int) -> RedisSettings:
        """What processes of the pool have whose proxy listens at that port; each comes as its role."""
        usual = RedisSettings(shards=shards, timeout_seconds=1.0)
        if self._authority is None:
            return replace(usual, url=f"redis://{HARNESS}:{port}/0", plaintext_beyond_loopback=True)
        return replace(
            usual,
            url=f"rediss://{HARNESS}:{port}/0",
            ca_file=str(self._authority.trusted),
            username="{role}",
            password_file=str(users.password_file(self._secrets, "{role}")),
        )

    @property
    def primary(self) -> RedisServer:
        """Where the pool writes."""
        return self._servers[0]

    @property
    def replica(self) -> RedisServer:
        """Its copy, a moment behind."""
        return self._servers[1]

    def start(self) -> None:
        """Start both; the second follows the first."""
        for server in self._servers:
            server.resume()
            server.start()
        self.follow()

    def follow(self) -> None:
        """Have the replica copy the primary, whatever it was before."""
        with self.replica.client() as client:
            if self._authority is not None:
                password = users.password_file(self._secrets, "replica").read_text().strip()
                client.config_set("masteruser", "replica", "masterauth", password)
            client.execute_command("REPLICAOF", self.primary.host, str(PORT))

    def promote(self) -> None:
        """Make the replica the primary; the old one still believes it is one too, until `follow`."""
        with self.replica.client() as client:
            client.execute_command("REPLICAOF", "NO", "ONE")
        self._servers.reverse()

    def stop(self) -> None:
        """End both, however."""
        for server in self._servers:
            server.resume()
            server.kill()

    def _secured(self, authority: Authority) -> tuple[str, ...]:
        """As deploy/redis/tls.conf asks for; one certificate for both, and for the proxies that lead to them."""
        wanted = Wanted("redis", (*(machine.address for machine in self.machines), HARNESS))
        authority.issue(wanted)
        both = authority.path(wanted.name)
        return SecuredRedis(both, both, authority.trusted, write_users(self._secrets, PREFIXES)).options(PORT)
