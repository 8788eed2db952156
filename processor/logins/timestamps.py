"""A login's time stamp, in any shape that producers send, as whole milliseconds since the epoch, UTC, rounded down."""

import re
from datetime import UTC, datetime, timedelta

FIRST_MS = -62_135_596_800_000  # 0001-01-01T00:00:00.000Z
LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z
MILLISECONDS_FROM = (
    10**11
)  # from this absolute value on a number means milliseconds: as seconds it is past the year 5138

DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-W[0-9]{2}(?:-[1-7])?|[0-9]{4}W[0-9]{2}[1-7]?"
HOUR, SIXTY, FRACTION = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]", "[.,][0-9]+"
TIME = f"{HOUR}(?::{SIXTY}(?::{SIXTY}(?:{FRACTION})?)?|{SIXTY}(?:{SIXTY}(?:{FRACTION})?)?)?"
OFFSET = f"Z|[+-]{HOUR}(?::?{SIXTY})?"
ISO_8601 = f"(?:{DATE})(?:[T ]{TIME}(?:{OFFSET})?)?"
PLAIN_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_WITHOUT_OFFSET = datetime(1970, 1, 1)
MILLISECOND = timedelta(milliseconds=1)
NO_TIMESTAMP = -1  # what Kafka's record format (v2) holds where the producer gave none
LONGEST_CACHED = 40  # characters; what is longer is rare, and ten thousand of any length would be any amount of memory
MOST_CACHED = 10_000

_iso_8601 = re.compile(ISO_8601)
_number = re.compile(r"(-?)([0-9]++)(?:\.([0-9]++))?(?:[eE]([+-]?)([0-9]+))?")


class Instants(dict[int | str, int]):
    """Time stamp as it came -> milliseconds; a bounded cache, since many logins share a second.

    Looking one up raises ValueError when it is not a time stamp.
    """

    def __missing__(self, given: int | str) -> int:
        """Read a time stamp that was not seen lately."""
        if isinstance(given, int):
            instant = from_integer(given)
        else:
            instant = from_text(given)
            if len(given) > LONGEST_CACHED:
                return instant
        if len(self) >= MOST_CACHED:
            self.clear()
        self[given] = instant
        return instant


def in_range(instant: int) -> int:
    """Return the instant itself (ms); ValueError when it lies outside the years 1 to 9999."""
    if FIRST_MS <= instant <= LAST_MS:
        return instant
    raise ValueError("timestamp lies outside the years 1 to 9999")


def of_record(instant: int) -> int:
    """Take a record's own time stamp (ms) for a login that has none; ValueError when the record has none either."""
    if instant == NO_TIMESTAMP:
        raise ValueError("timestamp is missing, and the record has none of its own")
    return in_range(instant)


def from_integer(number: int) -> int:
    """Read seconds, or milliseconds from 1e11 on, as ms; ValueError when out of range."""
    return in_range(number if abs(number) >= MILLISECONDS_FROM else number * 1000)


def from_text(text: str) -> int:
    """Read a number without exponent, or ISO 8601 (no offset: UTC), as ms; ValueError when it is neither."""
    if len(text) <= 15 and text.isascii() and text.isdigit():  # the usual one
        return from_integer(int(text))
    number = _number.fullmatch(text)
    if number and number[5] is None:
        return _floor(number)
    if _iso_8601.fullmatch(text):
        return _from_iso_8601(text)
    raise ValueError("timestamp is neither a number of seconds or milliseconds nor ISO 8601")


def from_json_number(text: str) -> int:
    """Read the text of a JSON number as ms, exactly; ValueError when out of range or not a number."""
    number = _number.fullmatch(text)
    if number is None:
        raise ValueError("timestamp is neither a number nor a string")
    return _floor(number)


def _floor(number: re.Match[str]) -> int:
    """Round down without ever computing with more than 15 digits: a number may be megabytes long."""
    sign, whole, fraction, exponent_sign, exponent = number.groups(default="")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return 0
    point = len(digits) - len(fraction) + _exponent(exponent_sign, exponent)  # so many digits before the decimal point
    if point <= 11:  # less than 1e11
        point += 3
    if point > 15:
        return in_range(LAST_MS + 1)
    kept = max(point, 0)
    instant = int(digits[:kept].ljust(kept, "0") or 0)
    if sign:
        instant = -instant - bool(digits[kept:].strip("0"))
    return in_range(instant)


def _exponent(sign: str, digits: str) -> int:
    """Read an exponent, cut at a size that no number of digits makes up for: int() refuses thousands of digits."""
    significant = digits.lstrip("0")
    size = int(significant or 0) if len(significant) <= 12 else 10**12
    return -size if sign == "-" else size


def _from_iso_8601(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # its message repeats the text
        raise ValueError("timestamp has the form of ISO 8601, but there is no such date") from None
    since_epoch = moment - (EPOCH if moment.tzinfo else EPOCH_WITHOUT_OFFSET)
    return in_range(since_epoch // MILLISECOND)
