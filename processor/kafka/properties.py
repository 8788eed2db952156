"""Asks librdkafka whether it takes what was written under [kafka], before anything connects."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer
from msgspec import structs

from processor.config import kafka_keys, keys
from processor.errors import ConfigurationError
from processor.kafka.client import consumer_properties, producer_properties
from processor.settings import KafkaSettings, Settings

_ISSUER = "sasl.oauthbearer.token.endpoint.url"
_SILENT = logging.getLogger("processor.kafka.properties")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False  # the clients that really work say the same again


def check(settings: Settings, origins: Mapping[str, str]) -> None:
    """Raise ConfigurationError when librdkafka refuses the properties; the key is named where one key is the cause.

    A client without brokers is created and closed, which takes a millisecond and sends nothing.
    """
    for role in (_producer_refusal, _consumer_refusal):
        refusal = role(settings)
        if refusal:
            raise ConfigurationError(_explained(settings, origins, role, refusal))


def _explained(settings: Settings, origins: Mapping[str, str], role: Any, refusal: str) -> str:
    """Find the key that is refused in the same words when it stands alone."""
    for section, key, alone in _one_by_one(settings):
        if role(alone) == refusal:
            name = kafka_keys.joined(section, key)
            hint = "" if key in kafka_keys.KNOWN else keys.nearest(key, kafka_keys.KNOWN)
            return f"{name}: librdkafka says: {refusal}{hint} ({origins.get(name, 'default')})"
    return f"librdkafka refuses what is given under [kafka]: {refusal}"


def _one_by_one(settings: Settings) -> Iterator[tuple[str, str, Settings]]:
    for section in ("client", "consumer", "producer"):
        for key, value in getattr(settings.kafka, section).items():
            kafka = structs.replace(KafkaSettings(client={}), **{section: {key: value}})
            yield section, key, structs.replace(settings, kafka=kafka)


def _producer_refusal(settings: Settings) -> str | None:
    properties = producer_properties(settings, "check", "check", disturbed=lambda: None)
    return _refusal(Producer, properties)


def _consumer_refusal(settings: Settings) -> str | None:
    return _refusal(Consumer, consumer_properties(settings, "check", "check"))


def _refusal(client: type[Producer] | type[Consumer], properties: dict[str, Any]) -> str | None:
    brokerless = {key: value for key, value in properties.items() if key != "bootstrap.servers"}
    if _ISSUER in brokerless:
        brokerless[_ISSUER] = "http://127.0.0.1:9"  # there must be one, and whoever is made asks it at once
    try:
        client({**brokerless, "logger": _SILENT}).close()
    except KafkaException as problem:
        return str(problem.args[0].str()).strip()
    except (TypeError, ValueError) as problem:
        return str(problem)
    return None
