"""A broker as deploy/kafka secures it: TLS, a user a role, nobody with a right that he was not given."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_urlsafe
from types import MappingProxyType

from confluent_kafka.admin import AdminClient
from msgspec import structs

from deploy.local.place import ADMIN, Secured
from deploy.local.ports import LOOPBACK, pick_free
from deploy.local.servers import Broker
from deploy.tls.__main__ import LOOPBACK_HOSTS, wanted
from deploy.tls.authority import Authority, Wanted
from processor.config.roles import OPERATOR
from processor.kafka import acls
from processor.kafka.cluster import Cluster
from processor.kafka.rights import ROLES, Right, rights
from processor.settings import KafkaSettings, KafkaValue, Settings
from tests import stack


class SecuredKafka:
    """What `secured_kafka` starts."""

    def __init__(self, broker: Broker, authority: Authority) -> None:
        assert broker.secured
        self.broker = broker
        self.secured: Secured = broker.secured
        self.authority = authority
        self.passwords = {role: token_urlsafe(24) for role in ROLES}
        self.secrets = broker.directory / "secrets"
        self.secrets.mkdir()
        for role, password in self.passwords.items():
            (self.secrets / role).write_text(password)

    @property
    def late_port(self) -> int:
        """Where a listener's certificate has expired."""
        return self._port("LATE")

    def by_token(self, issuer: str) -> dict[str, KafkaValue]:
        """For a configuration file: each process gets a token for its role there, again and again."""
        login = {
            "method": "oidc",
            "token.endpoint.url": issuer,
            "client.id": "{role}",
            "client.secret": "s3cret-{role}",
        }
        return {
            "bootstrap.servers": f"{LOOPBACK}:{self._port('TOKENS')}",
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(self.authority.trusted),
            "sasl.mechanism": "OAUTHBEARER",
            **{f"sasl.oauthbearer.{key}": value for key, value in login.items()},
        }

    def _port(self, listener: str) -> int:
        addresses = dict(each.split("://") for each in self.broker.overrides["listeners"].split(","))
        return int(addresses[listener].rpartition(":")[2])

    def of_roles(self) -> dict[str, KafkaValue]:
        """For a configuration file: each process logs in as its role."""
        usual = {**self.client(), "sasl.username": "{role}", "sasl.password.file": str(self.secrets / "{role}")}
        return {key: value for key, value in usual.items() if key != "sasl.password"}

    @property
    def bootstrap(self) -> str:
        return self.broker.bootstrap

    def client(self, role: str = OPERATOR, **changes: KafkaValue) -> dict[str, KafkaValue]:
        """What a process of this role has; keys of `changes` are written with underscores."""
        usual: dict[str, KafkaValue] = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": "SASL_SSL",
            "sasl.mechanisms": "SCRAM-SHA-512",
            "sasl.username": role,
            "sasl.password": self.passwords[role],
            "ssl.ca.location": str(self.authority.trusted),
        }
        return {**usual, **{key.replace("_", "."): value for key, value in changes.items()}}

    def certified(self, name: str = ADMIN, certificates: Authority | None = None) -> dict[str, KafkaValue]:
        """What somebody has who comes with a certificate."""
        own = str((certificates or self.authority).path(name))
        return {**self.secured.client("127.0.0.1"), "ssl.certificate.location": own, "ssl.key.location": own}

    def cluster(self, settings: Settings) -> Cluster:
        """The super user's, who gives and takes rights."""
        return Cluster(structs.replace(settings, kafka=KafkaSettings(client=self.certified())))

    def give(self, settings: Settings, only: Sequence[Right] = ()) -> None:
        acls.give(self.cluster(settings), only or rights(settings))

    def take(self, settings: Settings, excessive: Sequence[Right]) -> None:
        acls.take(self.cluster(settings), excessive)

    def create_topics(self, settings: Settings) -> None:
        stack.create_topics(structs.replace(settings, kafka=KafkaSettings(client=self.certified())))

    def delete_topics(self, settings: Settings) -> None:
        for deleted in AdminClient(self.certified()).delete_topics(stack.topic_names(settings)).values():
            deleted.exception(timeout=60)


@contextmanager
def secured_kafka(directory: Path, changes: Mapping[str, str] = MappingProxyType({})) -> Iterator[SecuredKafka]:
    """Start one, with all roles' passwords, and stop it; `changes` are properties on top."""
    authority = Authority(directory / "tls")
    authority.prepare()
    authority.renew(wanted(1, {}))
    authority.issue(Wanted("late-broker", LOOPBACK_HOSTS), days=-1)
    certificates, tokens, late = pick_free(3)
    plain = stack.new_broker(directory / "kafka")
    more = _listeners(plain, {"CERTIFICATES": certificates, "TOKENS": tokens, "LATE": late})
    expired = {"listener.name.late.ssl.keystore.location": str(authority.path("late-broker"))}
    own = {**plain.overrides, **more, **expired, **changes}
    broker = replace(plain, overrides=own, secured=Secured(authority.folder, certificates))
    broker.start()
    try:
        made = SecuredKafka(broker, authority)
        cluster = made.cluster(Settings())
        for role, password in made.passwords.items():
            acls.set_password(cluster, role, password)
        yield made
    finally:
        broker.stop()


def _listeners(plain: Broker, more: Mapping[str, int]) -> dict[str, str]:
    """Two listeners more: one takes tokens that nobody has signed, one shows a certificate that has expired."""
    ports = {"CLIENTS": plain.port, "CONTROLLERS": plain.controller_port, **more}
    listeners = ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in ports.items())
    protocols = {"CLIENTS": "SASL_SSL", "TOKENS": "SASL_SSL", "LATE": "SASL_SSL"}
    return {
        "listeners": listeners,
        "advertised.listeners": listeners,
        "listener.security.protocol.map": ",".join(f"{name}:{protocols.get(name, 'SSL')}" for name in ports),
        "listener.name.late.scram-sha-512.sasl.jaas.config": f"{SCRAM} required;",
        "listener.name.tokens.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.tokens.oauthbearer.sasl.jaas.config": f'{TOKENS} unsecuredLoginStringClaim_sub="broker";',
    }


SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
TOKENS = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required"
