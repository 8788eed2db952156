"""Every key's dotted name, type and default, read off the settings' structs; and the name nearest to a misspelt one."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from processor import faults
from processor.settings import Settings

PREFIX = "DATA_PROCESSOR_"

CONFIG_VARIABLE = "DATA_PROCESSOR_CONFIG"  # names the configuration file

# What has the prefix without being a setting: where to find them, and where a test has a process kill itself. Nothing
# else may, or a misspelt setting would go unnoticed; supervisord.conf's own variable, WORKERS, has no prefix.
FOREIGN_VARIABLES = frozenset({CONFIG_VARIABLE, faults.VARIABLE})


class Key(Struct, frozen=True):
    """One setting: its dotted name, and what it may hold."""

    name: str
    type: Any
    default: object

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.replace(".", "_").upper()


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.type, type) and issubclass(field.type, Struct)


def _keys() -> Iterable[Key]:
    defaults = Settings()
    for field in fields(Settings):
        if field.name == "kafka":
            continue  # librdkafka's own names: see kafka_keys.py
        value = getattr(defaults, field.name)
        if _is_section(field):
            for inner in fields(field.type):
                yield Key(f"{field.name}.{inner.name}", inner.type, getattr(value, inner.name))
        else:
            yield Key(field.name, field.type, value)


SECTIONS: frozenset[str] = frozenset(field.name for field in fields(Settings) if _is_section(field))
KEYS: dict[str, Key] = {key.name: key for key in _keys()}
VARIABLES: dict[str, str] = {key.variable: key.name for key in KEYS.values()}


def nearest(name: str, names: Iterable[str]) -> str:
    """Return "; did you mean …?" for the name that comes nearest, or nothing when none comes near."""
    known = sorted(names)
    same_ending = [candidate for candidate in known if candidate.rsplit(".", 1)[-1] == name.rsplit(".", 1)[-1]]
    found = same_ending[:1] or get_close_matches(name, known, n=1, cutoff=0.7)
    return f"; did you mean {found[0]}?" if found else ""
