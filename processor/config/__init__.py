"""Configuration: defaults < TOML file < environment, checked as a whole before anything starts.

Read `load` here, then sources (what was written), values (types and secrets), contradictions (what can't work);
keys and kafka_keys hold the names, secrets what must not be shown.
"""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from processor.config import contradictions, roles, sources, values
from processor.settings import Settings


class Loaded(Struct, frozen=True):
    """Settings in force, and each dotted key's origin: "default", "file …" or "variable …"."""

    settings: Settings
    origins: dict[str, str]


def load(environ: Mapping[str, str], path: Path | None = None, role: str = roles.OPERATOR) -> Loaded:
    """Read and check the configuration; `path` overrides DATA_PROCESSOR_CONFIG and ./data-processor.toml.

    `role` takes the place of "{role}" in it.

    Raises ConfigurationError with one line: the key, what is wrong with it, and where it was written. Whether
    librdkafka takes the keys under [kafka] is asked by `processor.kafka.properties.check`.
    """
    file = sources.configuration_file(environ, path)
    written = sources.from_file(file) if file else {}
    given = roles.filled({**written, **sources.from_environment(environ)}, role)
    settings, origins = values.build(given)
    contradictions.refuse(settings, origins)
    return Loaded(settings, origins)
