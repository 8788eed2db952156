import pytest
from confluent_kafka import KafkaException, Producer
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from processor.config import kafka_keys
from processor.errors import ConfigurationError
from processor.kafka.properties import check
from processor.settings import KafkaProperties, KafkaSettings, Settings
from tests.tokens import issuer


def with_kafka(**parts: KafkaProperties) -> Settings:
    return Settings(kafka=structs.replace(KafkaSettings(), **parts))


def refusal(settings: Settings, origins: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        check(settings, origins or {})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_defaults_are_taken() -> None:
    check(Settings(), {})


def test_brokers_that_do_not_exist_are_not_asked() -> None:
    check(with_kafka(client={"bootstrap.servers": "nobody.invalid:1"}), {})


def test_an_issuer_of_tokens_is_not_asked() -> None:
    login = {"method": "oidc", "client.id": "worker", "client.secret": "s3cret"}
    with issuer() as tokens:
        given = {f"sasl.oauthbearer.{key}": value for key, value in login.items()}
        given |= {"sasl.oauthbearer.token.endpoint.url": tokens.url, "sasl.mechanism": "OAUTHBEARER"}
        check(with_kafka(client={"security.protocol": "SASL_SSL", **given}), {})

        assert tokens.issued == {}


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"client": {"fetch.min.byte": 1}}, "kafka.fetch.min.byte: librdkafka says: No such configuration property"),
        ({"client": {"fetch.min.byte": 1}}, "did you mean fetch.min.bytes?"),
        ({"client": {"sasl.mecanism": "PLAIN"}}, "did you mean sasl.mechanism"),
        ({"consumer": {"fetch.min.bytes": "many"}}, "kafka.consumer.fetch.min.bytes: librdkafka says: Invalid value"),
        ({"producer": {"linger.ms": -1}}, "kafka.producer.linger.ms: librdkafka says: "),
        ({"producer": {"compression.type": "zip"}}, "kafka.producer.compression.type: "),
        ({"client": {"max.in.flight.requests.per.connection": 6}}, "<= 5 when `enable.idempotence`"),
        ({"consumer": {"session.timeout.ms": 400_000}}, "kafka.consumer.session.timeout.ms: "),
        ({"client": {"security.protocol": "ssl", "ssl.ca.location": "/nowhere"}}, "ssl.ca.location"),
    ],
)
def test_what_librdkafka_does_not_take_is_refused_with_its_key(parts: dict[str, KafkaProperties], said: str) -> None:
    assert said in refusal(with_kafka(**parts))


def test_the_origin_of_the_key_is_named() -> None:
    settings = with_kafka(client={"client.rack": "r", "linger.ms": "soon"})

    assert "(file some.toml)" in refusal(settings, {"kafka.linger.ms": "file some.toml"})


@given(st.text(max_size=20), st.text(max_size=20) | st.integers() | st.floats() | st.booleans())
def test_whatever_the_key_and_value_they_are_taken_or_refused(key: str, value: str | int | float | bool) -> None:
    if kafka_keys.refusal(key):
        return
    try:
        check(with_kafka(consumer={key: value}), {})
    except ConfigurationError as problem:
        assert str(problem)  # noqa: PT017 (either way is right: only another exception would be wrong)


NO_NAMES = {"logger", "on_commit", "on_delivery"}  # the Python client's own
BROKERS = {"bootstrap.servers", "metadata.broker.list"}  # these would be looked for


@pytest.mark.parametrize("key", sorted((kafka_keys.KNOWN | frozenset(kafka_keys.RESERVED)) - NO_NAMES - BROKERS))
def test_each_name_that_is_suggested_or_reserved_is_one_of_librdkafkas(key: str) -> None:
    try:
        Producer({key: "0"}).close()
    except KafkaException as problem:
        assert "No such configuration property" not in problem.args[0].str()  # noqa: PT017 (most do not take 0)
