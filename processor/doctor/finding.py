"""What the doctor says of one thing."""

from collections.abc import Sequence
from enum import Enum

from msgspec import Struct


class Level(Enum):
    """How it is, from best to worst."""

    OK = "ok"
    UNKNOWN = "unknown"  # it could not be looked at
    WARNING = "warning"  # it works, but not as it should for good
    WRONG = "wrong"  # the pool does not work, or not safely, until it is mended


class Finding(Struct, frozen=True):
    """One line: what was looked at, how it is, and what to do where it is not well."""

    area: str  # as "kafka"
    level: Level
    what: str
    advice: str = ""
    down: bool = False  # a system does not answer: all that could be asked of it stays unknown


def next_step(findings: Sequence[Finding]) -> str:
    """What to do first: causes come before their effects, and what is wrong before what is only a warning."""
    for level in (Level.WRONG, Level.WARNING):
        for finding in findings:
            if finding.level is level:
                return finding.advice or finding.what
    return ""
