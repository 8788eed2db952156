"""Points in time as people write them, and as they are shown; milliseconds since the epoch, UTC."""

import re
from datetime import UTC, datetime

from processor.errors import ConfigurationError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def instant(text: str, now: int) -> int:
    """Read `2h` (so long ago) or ISO 8601 (UTC where no offset is given); raises ConfigurationError."""
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return now - round(float(ago[1]) * _UNITS[ago[2]] * 1000)
    try:
        given = datetime.fromisoformat(text.strip())
        return round((given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as problem:
        raise ConfigurationError(
            f"{text!r} is no time: write how long ago (30m, 2h, 7d) or ISO 8601 (2026-01-31T12:00:00)"
        ) from problem


def moment(time: int) -> str:
    """Show a time, to the second."""
    try:
        return datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{time} ms"


def timestamp_to_send(original: int, now: int, kept: int) -> int | None:
    """The time stamp of a redriven record: its own, or None for that of its arrival.

    `kept` is how long the input keeps records (ms, negative: for ever). A record older than that might be deleted
    before anyone reads it, so one that has spent half of its time goes as a new one.
    """
    return original if original > 0 and (kept < 0 or now - original <= kept / 2) else None
