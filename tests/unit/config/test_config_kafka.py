from collections.abc import Callable
from pathlib import Path

import pytest

from processor.config import kafka_keys, load

WriteToml = Callable[[str], Path]
Refusal = Callable[..., str]


def test_kafka_keys_may_be_quoted_dotted_or_nested(toml: WriteToml) -> None:
    kafka = load(
        {},
        toml("""
        [kafka]
        "bootstrap.servers" = "a:1,b:2"
        plaintext_beyond_loopback = true
        client.rack = "r"
        [kafka.security]
        protocol = "ssl"
        [kafka.consumer]
        fetch.min.bytes = 5
        [kafka.producer]
        "linger.ms" = 1.5
        """),
    ).settings.kafka

    assert kafka.client == {"bootstrap.servers": "a:1,b:2", "client.rack": "r", "security.protocol": "ssl"}
    assert kafka.consumer == {"fetch.min.bytes": 5}
    assert kafka.producer == {"linger.ms": 1.5}


def test_kafka_keys_come_from_variables_too() -> None:
    loaded = load(
        {
            "DATA_PROCESSOR_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:3",
            "DATA_PROCESSOR_KAFKA_CONSUMER_FETCH_MIN_BYTES": "7",
            "DATA_PROCESSOR_KAFKA_PRODUCER_COMPRESSION_TYPE": "zstd",
            "DATA_PROCESSOR_KAFKA_CLIENT_RACK": "r",
            "DATA_PROCESSOR_KAFKA_LOG_LEVEL": "3",
        }
    )

    assert loaded.settings.kafka.client == {"bootstrap.servers": "127.0.0.1:3", "client.rack": "r", "log_level": "3"}
    assert loaded.settings.kafka.consumer == {"fetch.min.bytes": "7"}
    assert loaded.settings.kafka.producer == {"compression.type": "zstd"}
    origin = loaded.origins["kafka.consumer.fetch.min.bytes"]
    assert origin == "variable DATA_PROCESSOR_KAFKA_CONSUMER_FETCH_MIN_BYTES"


def test_the_brokers_keep_their_default_beside_other_keys(toml: WriteToml) -> None:
    assert load({}, toml("kafka.client.rack = 'r'")).settings.kafka.client["bootstrap.servers"] == "127.0.0.1:9092"


def test_two_names_of_one_key_are_one_key(refusal: Refusal, toml: WriteToml) -> None:
    path = toml('kafka."metadata.broker.list" = "127.0.0.1:1"')

    assert load({}, path).settings.kafka.client == {"bootstrap.servers": "127.0.0.1:1"}
    environ = {"DATA_PROCESSOR_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.2:1"}
    assert load(environ, path).settings.kafka.client == {"bootstrap.servers": "127.0.0.2:1"}
    both = toml("[kafka]\nlinger.ms = 1\nqueue.buffering.max.ms = 2")
    assert "are the same key" in refusal({}, both)


ALL_RESERVED = sorted({*kafka_keys.RESERVED, *(a for a, b in kafka_keys.ALIASES.items() if b in kafka_keys.RESERVED)})


@pytest.mark.parametrize("key", [*ALL_RESERVED, "error_cb", "stats_cb", "rebalance_cb", "topic.acks", "opaque"])
@pytest.mark.parametrize("section", ["", "consumer.", "producer.", "client."])
def test_what_the_guarantees_rest_on_can_not_be_set(refusal: Refusal, toml: WriteToml, section: str, key: str) -> None:
    path = toml(f'kafka.{section}"{key}" = "x"')

    message = refusal({}, path)

    assert "can't be set: " in message
    assert f"(file {path})" in message


@pytest.mark.parametrize("variable", ["ISOLATION_LEVEL", "CONSUMER_ENABLE_AUTO_COMMIT", "PRODUCER_TRANSACTIONAL_ID"])
def test_nor_by_a_variable(refusal: Refusal, variable: str) -> None:
    assert "can't be set: " in refusal({f"DATA_PROCESSOR_KAFKA_{variable}": "x"})


@pytest.mark.parametrize("value", ["['a:1', 'b:2']", "2024-01-01", "[{}]"])
def test_a_kafka_value_is_text_a_number_or_a_boolean(refusal: Refusal, toml: WriteToml, value: str) -> None:
    assert "kafka.debug: expected text, number, true or false" in refusal({}, toml(f"kafka.debug = {value}"))
