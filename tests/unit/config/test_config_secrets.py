import json
from collections.abc import Callable
from pathlib import Path

import pytest

from processor.config import load, secrets

WriteToml = Callable[[str], Path]
Refusal = Callable[..., str]


def secret_file(tmp_path: Path, content: str = "hush-hush\n") -> Path:
    path = tmp_path / "secret"
    path.write_text(content)
    return path


def test_secrets_are_read_from_files_without_the_last_newline(tmp_path: Path) -> None:
    path = secret_file(tmp_path)
    loaded = load(
        {
            "DATA_PROCESSOR_REDIS_PASSWORD_FILE": str(path),
            "DATA_PROCESSOR_REDIS_SENTINEL_PASSWORD_FILE": str(path),
            "DATA_PROCESSOR_KAFKA_SASL_PASSWORD_FILE": str(path),
            "DATA_PROCESSOR_KAFKA_PRODUCER_SSL_KEY_PEM_FILE": str(secret_file(tmp_path)),
        }
    )

    assert loaded.settings.redis.password == "hush-hush"  # noqa: S105 (the test's own)
    assert loaded.settings.redis.sentinel_password == "hush-hush"  # noqa: S105
    assert loaded.settings.kafka.client["sasl.password"] == "hush-hush"
    assert loaded.settings.kafka.producer == {"ssl.key.pem": "hush-hush"}
    assert loaded.origins["redis.password"] == loaded.origins["kafka.sasl.password"] == f"file {path}"
    assert set(secrets.in_force(loaded.settings)) == {"hush-hush"}


@pytest.mark.parametrize("key", ["kafka.sasl.password.file", "redis.password_file"])
def test_a_secret_file_that_can_not_be_used_is_one_clear_line(
    refusal: Refusal, toml: WriteToml, tmp_path: Path, key: str
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    def said(path: Path) -> str:
        return refusal({}, toml(f"{key} = {json.dumps(str(path))}"))

    assert "nowhere can't be read: No such file or directory" in said(tmp_path / "nowhere")
    assert "can't be read: Is a directory" in said(tmp_path)
    assert "is empty" in said(secret_file(tmp_path, "\n"))
    assert "not UTF-8" in said(tmp_path / "binary")


def test_a_secret_given_and_from_a_file_is_refused_without_showing_it(
    refusal: Refusal, toml: WriteToml, tmp_path: Path
) -> None:
    path = secret_file(tmp_path)
    for key, file in (("redis.password", "redis.password_file"), ("kafka.ssl.key.password", None)):
        text = f'{key} = "geheim"' if file else ""
        environ = {"DATA_PROCESSOR_KAFKA_SSL_KEY_PASSWORD": "geheim"} if not file else {}
        name = file or "kafka.ssl.key.password.file"
        message = refusal(environ, toml(f"{text}\n{name} = {json.dumps(str(path))}"))
        assert "keep one of them" in message
        assert "geheim" not in message
        assert "hush" not in message


def test_a_secret_of_the_wrong_kind_is_not_shown(refusal: Refusal, toml: WriteToml) -> None:
    assert "424242" not in refusal({}, toml("redis.password = 424242"))


@pytest.mark.parametrize(
    "key",
    [
        "redis.password",
        "kafka.sasl.password",
        "kafka.ssl.key.password",
        "kafka.ssl.key.pem",
        "kafka.ssl.keystore.password",
        "kafka.sasl.oauthbearer.client.secret",
        "kafka.sasl.oauthbearer.client.credentials.client.secret",
        "kafka.sasl.oauthbearer.assertion.private.key.passphrase",
        "kafka.sasl.oauthbearer.assertion.private.key.pem",
        "kafka.sasl.oauthbearer.config",
    ],
)
def test_a_secret_is_never_shown(key: str) -> None:
    assert secrets.masked(key, "hush") == "***"
    assert secrets.masked(key, "") == ""


@pytest.mark.parametrize("key", ["redis.password_file", "kafka.ssl.key.location", "kafka.sasl.username", "redis.url"])
def test_what_is_no_secret_is_shown(key: str) -> None:
    assert secrets.masked(key, "plain") == "plain"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:hu:sh@h:1/0", "redis://user:***@h:1/0"),
        ("rediss://:hush@h", "rediss://:***@h"),
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("a:1,b:2", "a:1,b:2"),
    ],
)
def test_a_password_inside_a_url_is_never_shown(url: str, shown: str) -> None:
    assert secrets.masked("redis.url", url) == shown
