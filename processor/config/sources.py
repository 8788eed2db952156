"""What was written: the TOML file and the environment, each as dotted keys with their origin."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from processor.config import kafka_keys
from processor.config.keys import CONFIG_VARIABLE, FOREIGN_VARIABLES, KEYS, PREFIX, SECTIONS, VARIABLES, nearest
from processor.errors import ConfigurationError

DEFAULT_FILE = "data-processor.toml"

_KAFKA_VARIABLE = f"{PREFIX}KAFKA_"
_TABLES = SECTIONS | {f"kafka.{section}" for section in ("client", *kafka_keys.SECTIONS)}


class Given(Struct, frozen=True):
    """A value as somebody wrote it, under which name and where; `text` when its type could not be written."""

    name: str
    value: object
    origin: str
    text: bool = False


def configuration_file(environ: Mapping[str, str], path: Path | None) -> Path | None:
    """Return the file to read: the one asked for, else the variable's, else the one in the working directory."""
    if path is not None:
        return path
    if environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE])
    return Path(DEFAULT_FILE) if Path(DEFAULT_FILE).exists() else None


def from_file(path: Path) -> dict[str, Given]:
    """Read a TOML file."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ConfigurationError(f"the configuration file {path} can't be read: {problem.strerror}") from problem
    except (ValueError, RecursionError) as problem:
        reason = "nested too deep" if isinstance(problem, RecursionError) else problem
        raise ConfigurationError(f"the configuration file {path} is not valid TOML: {reason}") from problem
    origin = f"file {path}"
    found: dict[str, Given] = {}
    for key, value in _flat(document):
        if value == {} and key in _TABLES:
            continue
        _put(found, Given(_known(key, origin), value, origin))
    return found


def from_environment(environ: Mapping[str, str]) -> dict[str, Given]:
    """Read the variables that begin with DATA_PROCESSOR_."""
    found: dict[str, Given] = {}
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable not in FOREIGN_VARIABLES:
            if any("\ud800" <= letter <= "\udfff" for letter in environ[variable]):  # how Python shows other bytes
                raise ConfigurationError(f"the variable {variable} is not UTF-8 text")
            _put(found, Given(_key_of(variable), environ[variable], f"variable {variable}", text=True))
    return found


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _known(key: str, origin: str) -> str:
    if key in _TABLES:
        raise ConfigurationError(f"{key} is a section: write [{key}] with its keys below it ({origin})")
    if not key.startswith("kafka.") and key not in KEYS:
        raise ConfigurationError(f"unknown key {key}{nearest(key, [*KEYS, *SECTIONS])} ({origin})")
    return key


def _key_of(variable: str) -> str:
    if variable in VARIABLES:
        return VARIABLES[variable]
    if len(variable) > len(_KAFKA_VARIABLE) and variable.startswith(_KAFKA_VARIABLE):
        return f"kafka.{kafka_keys.from_variable(variable.removeprefix(_KAFKA_VARIABLE))}"
    suggestion = nearest(variable.upper(), [*VARIABLES, *FOREIGN_VARIABLES, f"{_KAFKA_VARIABLE}BOOTSTRAP_SERVERS"])
    raise ConfigurationError(f"unknown variable {variable}{suggestion}")


def _put(found: dict[str, Given], given: Given) -> None:
    name = _unified(given.name)
    if name in found:
        other = found[name]
        raise ConfigurationError(f"{other.name} ({other.origin}) and {given.name} ({given.origin}) are the same key")
    found[name] = given


def _unified(key: str) -> str:
    if not key.startswith("kafka."):
        return key
    section, name = kafka_keys.split(key.removeprefix("kafka."))
    return kafka_keys.joined(section, kafka_keys.canonical(name))
