"""Who a process is, and what may cross a network in plaintext."""

from collections.abc import Callable
from pathlib import Path

import pytest

from processor.cli.processes import PROCESSES
from processor.config import load

WriteToml = Callable[[str], Path]
Refusal = Callable[..., str]


def test_a_role_fills_its_place_everywhere_but_in_secrets(toml: WriteToml, tmp_path: Path) -> None:
    (tmp_path / "redis-flusher").write_text("hush-hush")
    path = toml(
        f"[redis]\nusername = '{{role}}'\npassword_file = '{tmp_path}/redis-{{role}}'\n"
        "[kafka]\n'sasl.username' = '{role}'\n'sasl.password' = '{role}'"
    )

    settings = load({}, path, "flusher").settings

    assert settings.redis.username == settings.kafka.client["sasl.username"] == "flusher"
    assert settings.redis.password == "hush-hush"  # noqa: S105 (the test's own)
    assert settings.kafka.client["sasl.password"] == "{role}"


def test_a_tool_is_the_operator_and_each_process_has_its_role() -> None:
    assert load({"DATA_PROCESSOR_REDIS_USERNAME": "{role}"}).settings.redis.username == "operator"
    roles = {name: process.role for name, process in PROCESSES.items()}
    assert roles == {"worker": "worker", "flusher": "flusher", "exporter": "observer", "scaler": "observer"}


@pytest.mark.parametrize(
    "redis",
    [
        "url = 'redis://redis-1:6379/0'",
        "url = 'redis://192.0.2.1/0'",
        "cluster = '127.0.0.1:1,redis-1:6379'",
        "sentinels = 'redis-1:26379'",
        "sentinels = 'redis-1:26379'\nurl = 'unix:///socket'",
        "url = 'rediss://redis-1:6379/0?ssl_cert_reqs=none'",
    ],
)
def test_redis_in_plaintext_beyond_this_machine_is_refused_unless_the_setting_says_so(
    refusal: Refusal, toml: WriteToml, redis: str
) -> None:
    message = refusal({}, toml(f"[redis]\n{redis}"))

    assert "is not this machine" in message
    assert "redis.ca_file" in message
    assert "redis.plaintext_beyond_loopback" in message
    load({}, toml(f"[redis]\n{redis}\nplaintext_beyond_loopback = true"))


@pytest.mark.parametrize(
    "redis",
    [
        "url = 'redis://127.0.0.2:6379/0'",
        "url = 'redis://localhost/0'",
        "url = 'redis://[::1]:6379'",
        "url = 'unix:///socket'",
        "url = 'rediss://redis-1:6379/0'",
        "url = 'rediss://redis:6379/0'\nsentinels = 'redis-1:26379'",
        "cluster = '127.0.0.1:1,localhost:2'",
    ],
)
def test_redis_on_this_machine_or_with_tls_is_accepted(toml: WriteToml, redis: str) -> None:
    load({}, toml(f"[redis]\n{redis}"))


def test_a_key_without_its_certificate_is_refused(refusal: Refusal, toml: WriteToml) -> None:
    assert "redis.certificate_file" in refusal({}, toml("redis.key_file = 'x'"))


PLAIN = "'bootstrap.servers' = '127.0.0.1:9092,kafka-1:9092'"


@pytest.mark.parametrize(
    "kafka",
    [
        PLAIN,
        f"{PLAIN}\n'security.protocol' = 'sasl_plaintext'",
        f"{PLAIN}\n'security.protocol' = 'ssl'\n'enable.ssl.certificate.verification' = false",
    ],
)
def test_kafka_in_plaintext_beyond_this_machine_is_refused_unless_the_setting_says_so(
    refusal: Refusal, toml: WriteToml, kafka: str
) -> None:
    message = refusal({}, toml(f"[kafka]\n{kafka}"))

    assert "kafka-1 is not this machine" in message
    assert "kafka.ssl.ca.location" in message
    loaded = load({"DATA_PROCESSOR_KAFKA_PLAINTEXT_BEYOND_LOOPBACK": "true"}, toml(f"[kafka]\n{kafka}"))
    assert loaded.settings.kafka.plaintext_beyond_loopback
    assert "plaintext_beyond_loopback" not in loaded.settings.kafka.client
    assert load({}, toml(f"[kafka]\n{kafka}\nplaintext_beyond_loopback = true")).settings == loaded.settings


@pytest.mark.parametrize(
    "kafka",
    [
        "'bootstrap.servers' = '127.0.0.2:1,localhost:9092,[::1]:9092'",
        "'bootstrap.servers' = 'kafka-1:9092'\n'security.protocol' = 'sasl_ssl'",
    ],
)
def test_kafka_on_this_machine_or_with_tls_is_not(toml: WriteToml, kafka: str) -> None:
    assert not load({}, toml(f"[kafka]\n{kafka}")).settings.kafka.plaintext_beyond_loopback


def test_what_says_so_for_kafka_is_true_or_false(refusal: Refusal, toml: WriteToml) -> None:
    assert "expected true or false" in refusal({}, toml("[kafka]\nplaintext_beyond_loopback = 'maybe'"))


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("", "exporter.certificate_file and exporter.token_file"),
        ("certificate_file = 'x'", "exporter.token_file"),
        ("token = 'x'", "exporter.certificate_file"),
    ],
)
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "vm-1"])  # noqa: S104 (refused, that is)
def test_an_exporter_beyond_this_machine_wants_tls_and_a_token(
    refusal: Refusal, toml: WriteToml, host: str, given: str, missing: str
) -> None:
    said = refusal({}, toml(f"[exporter]\nhost = '{host}'\n{given}"))

    assert f"give {missing};" in said
    load({}, toml(f"[exporter]\nhost = '{host}'\nopen_beyond_loopback = true"))
    load({}, toml(f"[exporter]\nhost = '{host}'\ncertificate_file = 'x'\ntoken = 'x'"))
