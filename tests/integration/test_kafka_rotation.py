"""Kafka's passwords, certificates and tokens change under load: exact, and a password or a token ends no process."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from secrets import token_urlsafe

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from msgspec.structs import replace

from deploy.tls.__main__ import wanted
from processor.errors import Exit
from processor.kafka.rights import ROLES
from processor.settings import FlusherSettings, KafkaSettings, KafkaValue, ScalerSettings, Settings
from tests import stack
from tests.command import run
from tests.pool import Account, eventually, fed, pool
from tests.secured_kafka import SecuredKafka, secured_kafka
from tests.stack import RedisServer
from tests.supervised import Vm, vm
from tests.tokens import issuer

LOAD = 200.0  # logins a second
PROCESSES = ("worker-00", "worker-01", "flusher", "exporter", "scaler")
REFUSED = "invalid credentials with SASL mechanism SCRAM-SHA-512"
LOGIN_ANEW = {"connections.max.reauth.ms": "3000"}  # so soon a changed password ends a connection that has the old one


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    with secured_kafka(tmp_path_factory.mktemp("secured"), LOGIN_ANEW) as made:
        yield made


@pytest.fixture
def admins(secured: SecuredKafka, redis_server: RedisServer, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a pool of its own, as the super user has them."""
    made = replace(
        stack.new_settings(secured.broker, redis_server, tmp_path / "run"),
        flusher=FlusherSettings(interval_seconds=0.5, lease_seconds=3.0),
        scaler=ScalerSettings(interval_seconds=1.0),
    )
    made = replace(made, redis=replace(made.redis, timeout_seconds=1.0))
    secured.create_topics(made)
    secured.give(made)
    yield of(made, secured.certified())
    secured.delete_topics(made)


def of(settings: Settings, client: dict[str, KafkaValue]) -> Settings:
    return replace(settings, kafka=KafkaSettings(client=client))


def pids(host: Vm) -> dict[str, int]:
    found = host.processes()
    return {name: found[name].pid for name in PROCESSES}


def each_says(host: Vm, words: str) -> None:
    eventually(f"each says: {words}", lambda: all(words in host.log(name) for name in PROCESSES))


def test_passwords_are_changed_under_load_and_every_process_goes_on(
    secured: SecuredKafka, admins: Settings, tmp_path: Path
) -> None:
    account = Account(admins, seed=3)
    with vm(of(admins, secured.of_roles()), workers=2) as host:
        account.feed(1_000)
        eventually("everything at rest", account.settled)
        before, new, log = pids(host), made_up(tmp_path), secured.broker.directory / "log" / "broker.log"
        with fed(account, LOAD):
            for role in ROLES:
                (secured.secrets / role).write_text("")
            each_says(host, "Kafka's password file can't be used: the last password stays")
            # On the brokers first: who has to log in before his file is changed is refused, and comes back.
            assert run(admins, tmp_path, "acls", "passwords", str(new)).returncode == Exit.OK
            eventually("somebody is refused", lambda: REFUSED in log.read_text())
            for role in ROLES:
                (secured.secrets / role).write_text((new / role).read_text())
            each_says(host, "Kafka's password has changed")
        eventually("everything at rest again", account.settled)
        account.feed(500)
        account.check()
        shown = "".join(host.log(name) for name in PROCESSES)

        assert pids(host) == before
        assert [role for role in ROLES if (new / role).read_text() in shown] == []


def made_up(folder: Path) -> Path:
    """A folder with a new password for each role."""
    new = folder / "new"
    new.mkdir()
    for role in ROLES:
        (new / role).write_text(token_urlsafe(24))
    return new


def test_certificates_are_renewed_under_load_by_a_rolling_restart(secured: SecuredKafka, admins: Settings) -> None:
    account = Account(admins, seed=4)
    with vm(of(admins, secured.certified("{role}")), workers=2) as host:
        account.feed(1_000)
        eventually("everything at rest", account.settled)
        before, shown = pids(host), served(secured)
        with fed(account, LOAD):
            assert secured.authority.prepare(days=4 * 365)  # a longer ca.pem
            renewed(secured)
            taken_up(secured)
            eventually("the broker shows its new certificate", lambda: served(secured) != shown)
            restarted = host.tool("restart", "--rolling")
        after = pids(host)

        assert (restarted.returncode, restarted.stderr) == (Exit.OK, "")
        assert all(before[name] != after[name] for name in PROCESSES)
        account.check()


def renewed(secured: SecuredKafka) -> None:
    """Sign everything anew, with new keys."""
    made = secured.authority.renew(wanted(1, {}), all_of_them=True)
    assert set(made) >= {"broker-1", "worker", "flusher", "observer", "operator"}


def taken_up(secured: SecuredKafka) -> None:
    """Have the broker read its file again, without a restart: it does so when told where it lies, even if it knows."""
    path = str(secured.authority.path("broker-1"))
    changes = [
        ConfigEntry(f"listener.name.{name}.ssl.keystore.location", path, incremental_operation=AlterConfigOpType.SET)
        for name in ("clients", "certificates")
    ]
    resource = ConfigResource(ResourceType.BROKER, "1", incremental_configs=changes)
    client = AdminClient(secured.certified())  # kept until the answer is there
    for answer in client.incremental_alter_configs([resource]).values():
        answer.result(30)


def served(secured: SecuredKafka) -> str:
    """The certificate that the broker shows to who comes with one."""
    return ssl.get_server_certificate(("127.0.0.1", secured.secured.port), ca_certs=str(secured.authority.trusted))


def test_tokens_log_processes_in_and_are_renewed_by_themselves(
    secured: SecuredKafka, admins: Settings, tmp_path: Path
) -> None:
    account = Account(admins, seed=5)
    with issuer() as tokens, pool(of(admins, secured.by_token(tokens.url)), tmp_path, workers=1) as running:
        account.feed(1_000)
        eventually("everything at rest", account.settled)
        before = {name: process.pid for name, process in running.running.items()}
        for role in ("worker", "flusher"):
            enough = tokens.issued[role] + 3  # at rest nobody makes a client: these are renewals
            eventually(f"the {role}'s tokens are renewed", lambda r=role, n=enough: tokens.issued[r] >= n)
        account.feed(1_000)
        account.check()

        assert {name: process.pid for name, process in running.running.items() if process.poll() is None} == before
