"""A Redis as deploy/redis secures it: TLS, a user a role, nobody without a name; and settings that go with it."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import redis
from msgspec.structs import replace

from deploy.local import redis_tls
from deploy.local.ports import pick_free
from deploy.redis import users
from processor.config.roles import OPERATOR
from processor.settings import RedisSettings
from tests.certificates import Authority
from tests.stack import RedisServer

PASSWORD = "s3cret-tests"  # noqa: S105 (of the tests' own user, who may do everything)


class SecuredRedis(RedisServer):
    """What `secured_redis` starts."""

    authority: Authority
    secrets: Path
    prefixes: Sequence[str]

    def settings(self, role: str = OPERATOR, prefix: str = "logins") -> RedisSettings:
        """What a process of this role has; "{role}" for a configuration file."""
        return RedisSettings(
            url=self.url,
            ca_file=str(self.authority.certificate),
            username=role,
            password_file=str(users.password_file(self.secrets, role)),
            prefix=prefix,
            timeout_seconds=1.0,
        )

    def password(self, role: str) -> str:
        return users.password_file(self.secrets, role).read_text().strip()

    @contextmanager
    def client(self) -> Iterator["redis.Redis"]:
        trusted = {"ssl_ca_certs": str(self.authority.certificate), "decode_responses": True}
        with closing(redis.Redis.from_url(self.url, username="tests", password=PASSWORD, **trusted)) as client:
            yield client

    def load_users(self) -> None:
        """Write the file anew, and have Redis read it, as `admin` may."""
        write_users(self.secrets, self.prefixes)
        trusted = {"ssl_ca_certs": str(self.authority.certificate)}
        with closing(
            redis.Redis.from_url(self.url, username="admin", password=self.password("admin"), **trusted)
        ) as admin:
            admin.acl_load()

    @contextmanager
    def ignoring_certificates(self) -> Iterator["redis.Redis"]:
        """A client that comes in whatever the server shows."""
        with closing(
            redis.Redis.from_url(self.url, username="tests", password=PASSWORD, ssl_cert_reqs="none")
        ) as client:
            yield client

    def present(self, certificate: Path, key: Path) -> None:
        """Have it show another certificate to new connections."""
        with self.ignoring_certificates() as client:
            client.config_set("tls-cert-file", str(certificate), "tls-key-file", str(key))


def write_users(secrets: Path, prefixes: Sequence[str]) -> Path:
    path = users.write(secrets, prefixes)
    with path.open("a") as file:
        file.write(f"user tests on >{PASSWORD} ~* &* +@all\n")
    return path


@contextmanager
def secured_redis(folder: Path, prefixes: Sequence[str] = ("logins",)) -> Iterator[SecuredRedis]:
    """Start one on a free port, and stop it."""
    authority, secrets = Authority(folder / "tls"), folder / "secrets"
    (port,) = pick_free(1)
    certificate, key = authority.sign("redis")
    secured = redis_tls.SecuredRedis(certificate, key, authority.certificate, write_users(secrets, prefixes))
    own = {"options": secured.options(port), "ca": authority.certificate}
    server = SecuredRedis(folder / "redis", port, dies_with_parent=True, **own)
    server.authority, server.secrets, server.prefixes = authority, secrets, prefixes
    try:
        server.start()
        yield server
    finally:
        server.stop()


def for_all_roles(settings: RedisSettings) -> RedisSettings:
    """The same for a configuration file that processes of several roles read."""
    file = Path(settings.password_file).with_name("{role}.password")
    return replace(settings, username="{role}", password_file=str(file))
