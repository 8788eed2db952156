"""A secured broker refuses: one line says why and what to do, with the right exit code; no secret, no traceback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from msgspec.structs import replace

from deploy.tls.authority import Authority, Wanted
from processor.errors import Exit
from processor.kafka.aggregations import published
from processor.kafka.cluster import Cluster
from processor.kafka.handshake import why
from processor.settings import KafkaSettings, KafkaValue, Settings
from tests import stack
from tests.command import only_line, run
from tests.secured_kafka import SecuredKafka, secured_kafka
from tests.stack import RedisServer


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """Start one broker for all tests here."""
    with secured_kafka(tmp_path_factory.mktemp("secured")) as made:
        yield made


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make an authority that nobody trusts."""
    authority = Authority(tmp_path_factory.mktemp("strangers") / "tls")
    authority.prepare()
    authority.issue(Wanted("operator"))
    return authority


@pytest.fixture
def own(secured: SecuredKafka, redis_server: RedisServer, tmp_path: Path) -> Iterator[Settings]:
    """Make settings, topics and rights of a pool of its own."""
    settings = stack.new_settings(secured.broker, redis_server, tmp_path / "run")
    secured.create_topics(settings)
    secured.give(settings)
    yield settings
    secured.delete_topics(settings)


def line_of(settings: Settings, client: dict[str, KafkaValue], folder: Path, exit_code: Exit) -> str:
    """The one line that `topics check` ends with; no secret is in it."""
    done = run(replace(settings, kafka=KafkaSettings(client=client)), folder, "topics", "check")
    said = only_line(done.stderr)
    assert (done.returncode, done.stdout) == (exit_code, ""), said
    assert str(client.get("sasl.password", "no secret")) not in said
    return said


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SASL_PLAINTEXT"])
def test_plaintext_to_a_tls_port(protocol: str, secured: SecuredKafka, own: Settings, tmp_path: Path) -> None:
    said = line_of(own, secured.client(security_protocol=protocol), tmp_path, Exit.UNAVAILABLE)
    assert "speaks TLS at this port, and we do not: set kafka.security.protocol" in said


def test_a_broker_whose_authority_nobody_trusts(
    secured: SecuredKafka, strangers: Authority, own: Settings, tmp_path: Path
) -> None:
    client = secured.client(ssl_ca_location=str(strangers.trusted))
    said = line_of(own, client, tmp_path, Exit.UNAVAILABLE)
    assert "nobody whom kafka.ssl.ca.location trusts has signed its certificate" in said


def test_a_broker_under_a_name_that_is_not_in_its_certificate(
    secured: SecuredKafka, own: Settings, tmp_path: Path
) -> None:
    # An address of this machine in another writing: a name that resolves, but that no certificate has.
    client = secured.client(bootstrap_servers=f"127.1:{secured.broker.port}")
    said = line_of(own, client, tmp_path, Exit.UNAVAILABLE)
    assert "its certificate is not for that name: call it by one that it has" in said


def test_a_client_without_a_certificate_with_a_strangers_or_with_an_expired_one(
    secured: SecuredKafka, strangers: Authority, own: Settings, tmp_path: Path
) -> None:
    secured.authority.issue(Wanted("late"), days=-1)
    none = {key: value for key, value in secured.certified().items() if key not in CERTIFICATE}
    for client in (none, secured.certified("operator", strangers), secured.certified("late")):
        said = line_of(own, client, tmp_path, Exit.UNAVAILABLE)
        assert "it does not take our certificate: kafka.ssl.certificate.location must name one" in said


CERTIFICATE = {"ssl.certificate.location", "ssl.key.location"}


def test_a_wrong_password_and_an_unknown_user_are_one_and_the_same(
    secured: SecuredKafka, own: Settings, tmp_path: Path
) -> None:
    for changes in ({"sasl_password": "hush-hush-hush"}, {"sasl_username": "nobody"}):
        said = line_of(own, secured.client(**changes), tmp_path, Exit.USAGE)
        assert "invalid credentials" in said
        assert "check kafka.sasl.username, kafka.sasl.password (or its file)" in said


def test_a_broker_whose_certificate_has_expired(secured: SecuredKafka, own: Settings, tmp_path: Path) -> None:
    client = secured.client(bootstrap_servers=f"127.0.0.1:{secured.late_port}")
    said = line_of(own, client, tmp_path, Exit.UNAVAILABLE)
    assert "its certificate has expired: " in said
    assert "makes a new one" in said


def test_of_several_brokers_the_one_whose_certificate_has_expired_is_named(secured: SecuredKafka) -> None:
    late = f"127.0.0.1:{secured.late_port}"
    said = why(secured.client(bootstrap_servers=f"{secured.bootstrap},{late}"))
    assert said.startswith(f"Kafka at {late}: its certificate has expired: ")


def test_only_where_a_login_is_wanted_somebody_with_a_certificate_is_told_so(secured: SecuredKafka) -> None:
    assert why(secured.certified()) == ""
    said = why({**secured.certified(), "bootstrap.servers": secured.bootstrap})
    assert "it speaks TLS with us, and then ends the connection: it wants a login" in said


def test_a_flusher_is_not_refused_what_it_published_when_it_restores_an_empty_redis(
    secured: SecuredKafka, own: Settings
) -> None:
    writer = Producer(secured.certified())
    writer.produce(own.topics.aggregations, b'{"user_id":"u","login_count":3}', "u")
    assert writer.flush(60) == 0
    flusher = replace(own, kafka=KafkaSettings(client=secured.client("flusher")))
    assert [each for batch in published(flusher, Cluster(flusher), lambda: None) for each in batch] == [("u", 3)]
