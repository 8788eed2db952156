"""Every handshake with a real Redis that can go wrong: one line with its cause and its cure, and no secret."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from processor.counts.connection import connect
from processor.errors import ConfigurationError, Unavailable
from processor.settings import RedisSettings
from tests import stack
from tests.certificates import Authority
from tests.secured_redis import SecuredRedis, secured_redis


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredRedis]:
    with secured_redis(tmp_path_factory.mktemp("secured")) as started:
        yield started


@pytest.fixture(autouse=True)
def good_certificate(server: SecuredRedis) -> None:
    server.present(*server.authority.sign("redis"))


def said(settings: RedisSettings, kind: type[Exception] = Unavailable) -> str:
    """The one line that a person reads."""
    with pytest.raises(kind) as refused:
        connect(settings, "test").call("asking", "INFO")
    text = str(refused.value)
    assert "\n" not in text
    if settings.password_file:
        assert Path(settings.password_file).read_text().strip() not in text
    return text


def test_a_verified_server_is_asked(server: SecuredRedis) -> None:
    assert connect(server.settings(), "test").call("asking", "TIME")


def test_plaintext_to_a_tls_port_says_so(server: SecuredRedis) -> None:
    plain = server.settings().url.replace("rediss:", "redis:")

    assert "redis.url must begin with rediss://" in said(replace(server.settings(), url=plain))


def test_tls_to_a_plaintext_port_says_so(server: SecuredRedis, tmp_path: Path) -> None:
    plain = stack.new_redis(tmp_path)
    plain.start()
    try:
        assert "does not speak TLS" in said(replace(server.settings(), url=plain.url.replace("redis:", "rediss:")))
    finally:
        plain.stop()


def test_another_authority_is_not_believed(server: SecuredRedis, tmp_path: Path) -> None:
    other = Authority(tmp_path).certificate

    assert "name the file of its authority in redis.ca_file" in said(replace(server.settings(), ca_file=str(other)))
    assert "redis.ca_file" in said(replace(server.settings(), ca_file=""))


def test_an_expired_certificate_is_named_and_a_new_one_taken_without_a_restart(server: SecuredRedis) -> None:
    connection = connect(server.settings(), "test")
    server.present(*server.authority.sign("expired", days=-1))
    with pytest.raises(Unavailable, match="its certificate has expired"):
        connection.call("asking", "TIME")

    renewed = server.authority.sign("renewed")
    with server.ignoring_certificates() as client:
        client.config_set("tls-cert-file", str(renewed[0]), "tls-key-file", str(renewed[1]))
    assert connection.call("asking", "TIME")


def test_a_certificate_for_another_name_is_named(server: SecuredRedis) -> None:
    elsewhere = server.settings().url.replace("127.0.0.1", "localhost")
    server.present(*server.authority.sign("other", "IP:127.0.0.1"))

    assert "call it by one that it has" in said(replace(server.settings(), url=elsewhere))


def test_a_wrong_password_names_the_settings(server: SecuredRedis) -> None:
    wrong = replace(server.settings(), password="wr0ng-password", password_file="")  # noqa: S106 (the test's own)

    text = said(wrong, ConfigurationError)
    assert "redis.password_file" in text
    assert "wr0ng-password" not in text


def test_a_server_that_asks_for_a_certificate_gets_ours(server: SecuredRedis, tmp_path: Path) -> None:
    certificate, key = server.authority.sign("client")
    ours = replace(server.settings(), certificate_file=str(certificate), key_file=str(key))
    strange = Authority(tmp_path).sign("client")
    with server.client() as client:
        client.config_set("tls-auth-clients", "yes")
        try:
            assert connect(ours, "test").call("asking", "TIME")
            assert "redis.certificate_file" in said(server.settings())
            assert "redis.certificate_file" in said(
                replace(ours, certificate_file=str(strange[0]), key_file=str(strange[1]))
            )
        finally:
            client.config_set("tls-auth-clients", "optional")


@pytest.mark.parametrize("key", ["ca_file", "certificate_file"])
def test_files_that_can_not_be_used_are_named_at_the_start(server: SecuredRedis, tmp_path: Path, key: str) -> None:
    (tmp_path / "garbage").write_text("garbage")
    for file, why in ((tmp_path / "nowhere", "No such file"), (tmp_path / "garbage", "no PEM file")):
        given = (
            {"certificate_file": str(file), "key_file": str(file)} if key == "certificate_file" else {key: str(file)}
        )
        text = said(replace(server.settings(), **given), ConfigurationError)
        assert f"redis.{key}" in text
        assert f"{file} can't be used: {why}" in text
