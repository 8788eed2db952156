"""Kafka's passwords change under load: exact, and no process ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_urlsafe

import pytest
from msgspec.structs import replace

from processor.errors import Exit
from processor.kafka.rights import ROLES
from processor.settings import FlusherSettings, KafkaSettings, KafkaValue, ScalerSettings, Settings
from tests import stack
from tests.command import run
from tests.pool import Account, eventually
from tests.secured_kafka import SecuredKafka, secured_kafka
from tests.stack import RedisServer
from tests.supervised import Vm, vm

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


@contextmanager
def fed(account: Account) -> Iterator[None]:
    """Logins flow all the while."""
    done = threading.Event()

    def feed() -> None:
        while not done.is_set():
            account.feed(200)

    feeding = threading.Thread(target=feed)
    feeding.start()
    try:
        yield
    finally:
        done.set()
        feeding.join()


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
        with fed(account):
            for role in ROLES:
                (secured.secrets / role).write_text("")
            each_says(host, "Kafka's password file can't be used: the last password stays")
            # On the brokers first: who has to log in before his file is changed is refused, and comes back.
            assert run(admins, tmp_path, "acls", "passwords", str(new)).returncode == Exit.OK
            eventually("somebody is refused", lambda: REFUSED in log.read_text())
            for role in ROLES:
                (secured.secrets / role).write_text((new / role).read_text())
            each_says(host, "Kafka's password has changed")
        account.check()
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
