"""From what was written under [kafka] to librdkafka's properties: what is ours alone is refused, secrets are read."""

from collections.abc import Iterator, Mapping

from msgspec import ValidationError, convert

from processor.config import kafka_keys, secrets
from processor.config.sources import Given
from processor.errors import ConfigurationError
from processor.settings import KafkaProperties, KafkaSettings, KafkaValue

PLAINTEXT = "kafka.plaintext_beyond_loopback"  # the one key under [kafka] that is not librdkafka's
_ROTATED = "sasl.password"


def build(given: Mapping[str, Given]) -> tuple[KafkaSettings, dict[str, str]]:
    """Return the properties for every client, for consumers and for producers, and the origin of each."""
    default = KafkaSettings()
    parts: dict[str, KafkaProperties] = {"client": dict(default.client), "consumer": {}, "producer": {}}
    origins = {kafka_keys.joined("client", key): "default" for key in default.client}
    written = {name: one for name, one in given.items() if name.startswith("kafka.")}
    plaintext = written.pop(PLAINTEXT, None)
    origins[PLAINTEXT] = plaintext.origin if plaintext else "default"
    for name, one in _with_secrets(written):
        section, key = kafka_keys.split(name.removeprefix("kafka."))
        parts[section][key] = _value(key, one)
        origins[name] = one.origin
    return KafkaSettings(**parts, plaintext_beyond_loopback=_truth(plaintext)), origins


def _truth(one: Given | None) -> bool:
    if one is None:
        return False
    try:
        return convert(one.value, bool, strict=not one.text)
    except ValidationError as problem:
        raise ConfigurationError(f"{PLAINTEXT}: expected true or false ({one.origin})") from problem


def _with_secrets(written: Mapping[str, Given]) -> Iterator[tuple[str, Given]]:
    """Put the content of each `<key>.file` in the place of its key."""
    for name, one in written.items():
        key = name.removesuffix(".file")
        if key == name or not secrets.is_secret(key):
            yield name, one
            continue
        if key in written:
            both = f"{key} ({written[key].origin}) and {name} ({one.origin})"
            raise ConfigurationError(f"{both} are both given; keep one of them")
        if key.endswith(_ROTATED):
            yield name, one  # read again while a process runs: see kafka/login.py
        yield key, Given(key, secrets.read(str(one.value), name, one.origin), f"file {one.value}")


def _value(key: str, one: Given) -> KafkaValue:
    reason = kafka_keys.refusal(key)
    if reason:
        raise ConfigurationError(f"{one.name} can't be set: {reason} ({one.origin})")
    if not isinstance(one.value, str | int | float | bool):
        raise ConfigurationError(f'{one.name}: expected text, number, true or false; lists are "a,b" ({one.origin})')
    if isinstance(one.value, str) and "\0" in one.value:
        raise ConfigurationError(f"{one.name}: holds a zero byte ({one.origin})")
    return one.value
