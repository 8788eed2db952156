"""From what was written to settings: types checked, secrets read from their files."""

import json
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from msgspec import ValidationError, convert

from processor.config import kafka_values, secrets
from processor.config.keys import KEYS, SECTIONS, Key
from processor.config.sources import Given
from processor.errors import ConfigurationError
from processor.settings import Settings

_ENGLISH = {int: "an integer", float: "a number", bool: "true or false", str: "text in quotes"}


def build(given: Mapping[str, Given]) -> tuple[Settings, dict[str, str]]:
    """Return the settings and the origin of each; what was not given has its default."""
    values: dict[str, Any] = {name: key.default for name, key in KEYS.items()}
    origins = dict.fromkeys(KEYS, "default")
    for name, one in given.items():
        if name in KEYS:
            values[name] = _value(KEYS[name], one)
            origins[name] = one.origin
    _read_secret_files(values, origins)
    kafka, kafka_origins = kafka_values.build(given)
    sections: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS - {"kafka"}}
    top: dict[str, Any] = {"kafka": kafka}
    for name, value in values.items():
        section, _, key = name.rpartition(".")
        (sections[section] if section else top)[key] = value
    return convert({**top, **sections}, Settings), {**origins, **kafka_origins}


def _value(key: Key, given: Given) -> object:
    try:
        return convert(given.value, key.type, strict=not given.text)
    except ValidationError as problem:
        shown = "" if secrets.is_secret(key.name) else f", got {_short(given.value)}"
        raise ConfigurationError(f"{key.name}: expected {_english(key.type)}{shown} ({given.origin})") from problem


def _english(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f'"{choice}"' for choice in get_args(kind))
    return _ENGLISH[kind]


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _read_secret_files(values: dict[str, Any], origins: dict[str, str]) -> None:
    for key in list(values):
        path = values.get(f"{key}_file")
        if not path:
            continue
        if values[key]:
            raise ConfigurationError(
                f"{key} and {key}_file are both given; keep one of them ({origins[key]}; {origins[f'{key}_file']})"
            )
        values[key] = secrets.read(path, f"{key}_file", origins[f"{key}_file"])
        origins[key] = f"file {path}"
