"""`data-processor config`: each key, the value in force, and where it came from."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from processor.config import Loaded


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(config)


def config(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object: key to value and origin.")] = False,
    only_rules: Annotated[
        bool, typer.Option("--rules", help="Print what is taken for a login: where it changes, drain the pool first.")
    ] = False,
) -> None:
    """Show every setting in force, and where it came from; librdkafka's own defaults are its affair.

    Origins: a file, a variable, a default, or fixed: what the guarantees rest on can't be set.
    """
    from processor.cli import console

    if only_rules:
        _print_rules()
        return
    rows = list(_rows(console.loaded()))
    if as_json:
        console.print_json({key: {"value": value, "origin": origin} for key, value, origin in rows})
        return
    shown = [(key, _written(value), origin) for key, value, origin in rows]
    key_width, value_width = (max(len(row[column]) for row in shown) for column in (0, 1))
    for key, value, origin in shown:
        print(f"{key:{key_width}}  {value:{value_width}}  {origin}")


def _print_rules() -> None:
    from processor.cli import console
    from processor.kafka.cluster import rules

    print(rules(console.settings()))


def _rows(loaded: "Loaded") -> Iterator[tuple[str, object, str]]:
    from processor.config import kafka_keys, keys, secrets
    from processor.kafka.login import PASSWORD_FILE

    for key in keys.KEYS:
        section, _, name = key.rpartition(".")
        holder = getattr(loaded.settings, section) if section else loaded.settings
        yield key, secrets.masked(key, getattr(holder, name)), loaded.origins[key]
    plaintext = "kafka.plaintext_beyond_loopback"
    yield plaintext, loaded.settings.kafka.plaintext_beyond_loopback, loaded.origins[plaintext]
    for section in ("client", *kafka_keys.SECTIONS):
        for name, value in getattr(loaded.settings.kafka, section).items():
            if name == PASSWORD_FILE:
                continue  # it is the origin of the password
            key = kafka_keys.joined(section, name)
            yield key, secrets.masked(key, value), loaded.origins[key]
        yield from _ours(loaded, section)


def _ours(loaded: "Loaded", section: str) -> Iterator[tuple[str, object, str]]:
    """What this project has librdkafka do in a section, where nobody said otherwise there or for every client."""
    from processor.config import kafka_keys
    from processor.kafka.client import OURS

    given = {**loaded.settings.kafka.client, **getattr(loaded.settings.kafka, section)}
    for name, value in OURS[section].items():
        if name not in given:
            yield kafka_keys.joined(section, name), value, "fixed" if kafka_keys.refusal(name) else "default"


def _written(value: object) -> str:
    """Write a value as TOML has it."""
    return json.dumps(value, ensure_ascii=False)
