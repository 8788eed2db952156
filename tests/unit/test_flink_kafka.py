"""librdkafka's security settings reach Flink's Java client in Java's names, and no secret is written down."""

import pytest
from msgspec.structs import replace

from deploy.flink.kafka import properties
from deploy.flink.sql import Job
from processor.errors import Refused
from processor.settings import KafkaSettings, Settings

SECURED = {
    "bootstrap.servers": "kafka-1:9093",
    "client.rack": "zone-a",
    "security.protocol": "SASL_SSL",
    "ssl.ca.location": "/etc/data-processor/tls/ca.pem",
    "sasl.mechanisms": "SCRAM-SHA-512",
    "sasl.username": 'fl"in\\k',
    "sasl.password": "hunter2",
}


def test_tls_and_a_login_are_passed_on_in_javas_names() -> None:
    found = properties(SECURED)
    assert found["ssl.truststore.location"] == "/etc/data-processor/tls/ca.pem"
    assert found["ssl.truststore.type"] == "PEM"
    assert found["sasl.mechanism"] == "SCRAM-SHA-512"
    assert 'ScramLoginModule required username="fl\\"in\\\\k" password="${file:' in found["sasl.jaas.config"]
    assert found["config.providers"] == "file"
    assert {key: found[key] for key in ("security.protocol", "client.rack")} == {
        "security.protocol": "SASL_SSL",
        "client.rack": "zone-a",
    }


def test_a_password_that_is_kept_in_a_file_is_no_obstacle() -> None:
    assert properties(SECURED | {"sasl.password.file": "/etc/data-processor/secrets/operator"}) == properties(SECURED)


def test_names_that_are_not_to_be_looked_at_are_not_in_java_either() -> None:
    found = properties(SECURED | {"ssl.endpoint.identification.algorithm": "none"})
    assert found["ssl.endpoint.identification.algorithm"] == ""


def test_each_table_of_the_job_has_them_and_none_has_the_secret() -> None:
    text = Job(replace(Settings(), kafka=KafkaSettings(client=SECURED))).text()
    assert text.count("'properties.ssl.truststore.location' = ") == text.count("CREATE TEMPORARY TABLE") == 4
    assert "hunter2" not in text


def test_without_security_only_the_address_is_passed_on() -> None:
    assert properties({"bootstrap.servers": "localhost:9092", "linger.ms": 5}) == {
        "bootstrap.servers": "localhost:9092"
    }


def test_a_client_certificate_lies_in_one_file_with_its_key() -> None:
    one = {"bootstrap.servers": "a:1", "security.protocol": "SSL", "ssl.key.password": "hunter2"}
    one |= dict.fromkeys(("ssl.certificate.location", "ssl.key.location"), "/tls/flink.pem")
    found = properties(one)
    assert (found["ssl.keystore.type"], found["ssl.keystore.location"]) == ("PEM", "/tls/flink.pem")
    assert found["ssl.key.password"].startswith("${file:")
    with pytest.raises(Refused, match="two files"):
        properties(one | {"ssl.key.location": "/tls/flink.key"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("enable.ssl.certificate.verification", "false"),
        ("sasl.oauthbearer.config", "x"),
        ("ssl.ca.pem", "x"),
        ("sasl.mechanisms", "GSSAPI"),
    ],
)
def test_what_would_be_left_out_is_refused(key: str, value: str) -> None:
    with pytest.raises(Refused, match=key.replace(".", "\\.")):
        properties(SECURED | {key: value})
