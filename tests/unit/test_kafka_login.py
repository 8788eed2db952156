"""A password file that changes while clients live."""

from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, KafkaError

from processor.errors import ConfigurationError, Unavailable
from processor.kafka import login
from processor.kafka.client import admin, consumer_properties, failure, is_final, producer_properties
from processor.kafka.login import PASSWORD_FILE, Login, merged
from processor.kafka.properties import check
from processor.settings import KafkaSettings, Settings


class Client:
    """Remembers what it was handed."""

    def __init__(self) -> None:
        self.handed: list[tuple[str, str]] = []

    def set_sasl_credentials(self, username: str, password: str) -> None:
        self.handed.append((username, password))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(login, "_watch", lambda: None)  # the tests look themselves


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / uuid4().hex
    path.write_text("first\n")
    return path


def given(file: Path) -> KafkaSettings:
    own = {"sasl.username": "worker", "sasl.password": "first", PASSWORD_FILE: str(file)}
    return KafkaSettings(client={"bootstrap.servers": "127.0.0.1:1", **own})


def kept(settings: KafkaSettings) -> tuple[Login, Client]:
    """A login with a client; where there is a file, that is told at once."""
    mine, client = Login(settings), Client()
    mine.keep(client)
    client.handed.clear()
    return mine, client


def test_a_changed_password_is_handed_over_once(file: Path) -> None:
    mine, client = kept(given(file))
    mine.renew()
    file.write_text("second\r\n")
    mine.renew()
    mine.renew()

    assert client.handed == [("worker", "second")]


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"a\0b", None])
def test_what_is_no_password_changes_nothing_and_is_said_once(
    content: bytes | None, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mine, client = kept(given(file))
    file.unlink() if content is None else file.write_bytes(content)
    mine.renew()
    mine.renew()
    said = [record.getMessage() for record in caplog.records]
    file.write_text("second")
    mine.renew()

    assert said == ["Kafka's password file can't be used: the last password stays"]
    assert client.handed == [("worker", "second")]


def test_a_half_written_password_is_followed_by_the_whole_one(file: Path) -> None:
    mine, client = kept(given(file))
    for content in ("sec", "second"):
        file.write_text(content)
        mine.renew()

    assert client.handed == [("worker", "sec"), ("worker", "second")]


def test_clients_that_are_made_later_have_the_password_of_then(file: Path) -> None:
    settings = Settings(kafka=given(file))
    mine = Login(settings.kafka)
    file.write_text("second")

    assert mine.current() == {"sasl.password": "second"}
    for made in (
        consumer_properties(settings, "test", "group"),
        producer_properties(settings, "test", "test", disturbed=lambda: None),
    ):
        assert made["sasl.password"] == "second"
        assert PASSWORD_FILE not in made
    check(settings, {})
    admin(settings)


def test_a_section_has_its_own_password_or_that_of_all_clients(file: Path) -> None:
    common = given(file)
    own = KafkaSettings(client=common.client, consumer={"sasl.password": "fixed"})

    assert merged(common, "consumer") == common.client
    assert PASSWORD_FILE not in merged(own, "consumer")
    assert Login(own, "consumer").current() == {}
    assert Login(own, "producer").current() == {"sasl.password": "first"}


def test_only_clients_that_are_kept_are_told_and_a_closed_one_does_no_harm(file: Path) -> None:
    mine, former = kept(given(file))
    closed = Consumer({"group.id": "test"})
    closed.close()
    client = Client()
    mine.keep(closed, client)
    file.write_text("second")
    mine.renew()

    assert (former.handed, client.handed) == ([], [("worker", "first"), ("worker", "second")])


def test_a_refused_login_is_an_outage_only_once_we_were_let_in_by_a_password_of_a_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = KafkaError(KafkaError._AUTHENTICATION)
    monkeypatch.setattr(login, "_process", login._Process())
    Login(given(file))
    kinds = [type(failure(refused, "reaching it"))]
    login.entered()
    kinds.append(type(failure(refused, "reaching it")))

    assert kinds == [ConfigurationError, Unavailable]
    assert not is_final(refused)


def test_without_a_file_nothing_is_looked_at() -> None:
    mine, client = kept(KafkaSettings(client={"sasl.username": "worker", "sasl.password": "first"}))
    mine.renew()

    assert (client.handed, mine.current()) == ([], {})
