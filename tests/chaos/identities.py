"""Who is who on a secured stage: certificates, passwords, and what each role may do, as production has them.

Brokers, controllers, the harness and one VM come with certificates, the other VM and the load with passwords (SCRAM).
"""

import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from secrets import token_urlsafe
from time import monotonic, sleep

from msgspec import structs

from deploy.local.place import ADMIN, Secured
from deploy.tls.__main__ import wanted
from deploy.tls.authority import Authority, Wanted
from processor.errors import Unavailable
from processor.kafka import acls
from processor.kafka.cluster import Cluster
from processor.kafka.rights import ROLES, Right, rights
from processor.settings import KafkaProperties, KafkaSettings, Settings
from tests.chaos.access import CONTROLLER_PORT, FIRST_PROXY, PORT, PROXIED_PORT, proxied_servers, servers
from tests.chaos.connection import Tls
from tests.chaos.frames import Way
from tests.chaos.kafka_proxy import KafkaProxy
from tests.chaos.network import HARNESS

CERTIFICATE_PORT = 9095
PROXY = Wanted("proxy", (HARNESS,))  # what a client sees of a broker behind one
PATIENCE_SECONDS = 300.0


class Identities:
    """An authority that everybody trusts, what it signed, and a password a role."""

    def __init__(self, folder: Path, brokers: Sequence[str]) -> None:
        self._brokers = brokers
        self.authority = Authority(folder / "tls")
        self.authority.prepare()
        hosts = {f"broker-{node}": [address] for node, address in enumerate(brokers, 1)}
        self.authority.renew([*wanted(len(brokers), hosts), PROXY])
        self.secured: Secured | None = Secured(self.authority.folder, CERTIFICATE_PORT)
        self._secrets = folder / "secrets"
        self._secrets.mkdir()
        for role in ROLES:
            self.write_password(role, token_urlsafe(24))

    def listeners(self, address: str) -> dict[str, str]:
        """As deploy/kafka/secured.properties has them."""
        ports = {"CLIENTS": PORT, "CERTIFICATES": CERTIFICATE_PORT, "CONTROLLERS": CONTROLLER_PORT}
        return {name: f"{address}:{port}" for name, port in ports.items()}

    def protocols(self) -> dict[str, str]:
        """TLS everywhere; who brings no certificate logs in."""
        return {"CLIENTS": "SASL_SSL", "CERTIFICATES": "SSL", "CONTROLLERS": "SSL", "PROXIED": "SASL_SSL"}

    def direct(self, role: str = ADMIN) -> KafkaProperties:
        """With the role's certificate."""
        own = Secured(self.authority.folder, CERTIFICATE_PORT).client("", role)
        return {**own, "bootstrap.servers": servers(self._brokers, CERTIFICATE_PORT)}

    def proxied(self, role: str) -> KafkaProperties:
        """With the role's password, which the process reads from its file."""
        logs_in = self._logs_in(proxied_servers(len(self._brokers)), role)
        return {**logs_in, "sasl.password.file": str(self._secrets / role)}

    def producer(self) -> KafkaProperties:
        """With the password of producers."""
        logs_in = self._logs_in(servers(self._brokers, PORT), "producer")
        return {**logs_in, "sasl.password": self.password("producer")}

    def proxies(self) -> list[KafkaProxy]:
        """Clients' TLS ends at them, and theirs begins; what comes late comes as a worker with a certificate."""
        trusting = ssl.create_default_context(cafile=str(self.authority.trusted))
        made = []
        for at, address in enumerate(self._brokers):
            shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            shown.load_cert_chain(self.authority.path(PROXY.name))
            late = Way((address, CERTIFICATE_PORT), self._context("worker"))
            made.append(KafkaProxy((HARNESS, FIRST_PROXY + at), (address, PROXIED_PORT), Tls(shown, trusting), late))
        return made

    def way(self, address: str) -> Way:
        """As the admin."""
        return Way((address, CERTIFICATE_PORT), self._context(ADMIN))

    def make_users(self) -> None:
        """The pool's roles, and producers."""
        for role in ROLES:
            self.set_password(role, self.password(role))

    def password(self, role: str) -> str:
        """What a role logs in with."""
        return (self._secrets / role).read_text()

    def write_password(self, role: str, password: str) -> None:
        """Give a role another one to log in with, from its processes' next start on."""
        new = self._secrets / f".{role}"
        new.write_text(password)
        new.replace(self._secrets / role)

    def set_password(self, role: str, password: str) -> None:
        """Have the brokers let a role in with this one only; connections that are open stay open."""
        _patiently(lambda: acls.set_password(self._cluster(Settings()), role, password))

    def admit(self, settings: Settings, only: Sequence[Right] = ()) -> None:
        """Give a pool's roles all their rights, or some."""
        _patiently(lambda: acls.give(self._cluster(settings), only or rights(settings)))

    def dismiss(self, settings: Settings, only: Sequence[Right] = ()) -> None:
        """Take all of them away, or some."""
        _patiently(lambda: acls.take(self._cluster(settings), only or rights(settings)))

    def _logs_in(self, bootstrap: str, role: str) -> KafkaProperties:
        return {
            "bootstrap.servers": bootstrap,
            "security.protocol": "SASL_SSL",
            "sasl.mechanisms": "SCRAM-SHA-512",
            "sasl.username": role,
            "ssl.ca.location": str(self.authority.trusted),
        }

    def _context(self, role: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority.trusted))
        context.load_cert_chain(self.authority.path(role))
        return context

    def _cluster(self, settings: Settings) -> Cluster:
        return Cluster(structs.replace(settings, kafka=KafkaSettings(client=self.direct())))


def _patiently(do: Callable[[], object]) -> None:
    """Again while busy brokers do not answer in time: each of these may be done twice."""
    deadline = monotonic() + PATIENCE_SECONDS
    while True:
        try:
            do()
        except Unavailable:
            if monotonic() > deadline:
                raise
            sleep(0.1)
        else:
            return
