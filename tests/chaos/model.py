"""What processing means, stated once more from the README's "Messages"; it shares no code with the processor.

It need not be fast or complete for whatever bytes there are, only right for what the generator makes up.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from functools import lru_cache
from math import isinf
from typing import Any

DEEPEST = 512
LONGEST_USER_ID = 256
MILLISECONDS_FROM = 10**11
UNSTAMPED = -1  # a record without a time stamp of its own
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999
OPTIONAL = ("app_version", "device_type", "ip", "locale", "device_id")
ANNOUNCED = {"user_id", *OPTIONAL, "timestamp", "processed_timestamp"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

_plain_number = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_iso_8601 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]+(Z|[+-][0-9:]+)?)?")
_string = re.compile(r'"(?:[^"\\]|\\.)*"')

Fields = dict[str, Any]


class NoLogin(Exception):  # noqa: N818 (it says what the record is)
    """The record is a dead letter; the argument is the reason."""


class Number(str):
    """A JSON number that is no integer, as it was written."""

    __slots__ = ()


def processed(value: bytes | None, record_timestamp: int) -> Fields:
    """Return the processed record without its `processed_timestamp`, in the order of its fields; raises NoLogin."""
    fields = parsed(value)
    get = fields.get
    login: Fields = {"user_id": _user_id(get("user_id"))}
    for name in OPTIONAL:
        given = login[name] = get(name)
        if given is not None and type(given) is not str:
            raise NoLogin("field")
    given = get("timestamp")
    instant = _instant(given) if given is not None else record_timestamp if record_timestamp != UNSTAMPED else None
    if instant is None or not FIRST_MS <= instant <= LAST_MS:
        raise NoLogin("timestamp")
    login["timestamp"] = instant
    if not fields.keys() <= ANNOUNCED:
        login |= {name: held for name, held in fields.items() if name not in ANNOUNCED}
    return login


def parsed(value: bytes | None) -> Fields:
    """Read a JSON object; raises NoLogin."""
    if not value:
        raise NoLogin("tombstone" if value is None else "empty")
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise NoLogin("encoding") from None
    if text[0] == "\ufeff":
        raise NoLogin("encoding")
    if len(value) > DEEPEST:
        _refuse_depth(text)
    try:
        fields = _read(text)
    except (json.JSONDecodeError, StopIteration):
        raise NoLogin("json") from None
    except ValueError:  # Python's limit of an integer's digits, 4,300
        raise NoLogin("number") from None
    if type(fields) is not dict:
        raise NoLogin("not-an-object")
    if b"\\u" in value:
        _refuse_half_characters(fields)
    return fields


def _number(text: str) -> Number:
    if isinf(float(text)):
        raise NoLogin("number")
    return Number(text)


def _refuse_constant(_text: str) -> None:
    raise NoLogin("json")  # NaN and Infinity are Python's, not JSON's


_decoder = json.JSONDecoder(parse_float=_number, parse_constant=_refuse_constant)
_scan: Any = vars(_decoder)["scan_once"]  # the decoder without its search for white space, which costs as much again


def _read(text: str) -> Any:
    """Decode; whoever begins with the value itself is spared the search for its beginning and end."""
    if text[0] == "{":
        fields, end = _scan(text, 0)
        if end == len(text):
            return fields
    return _decoder.decode(text)


def _refuse_depth(text: str) -> None:
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", _string.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise NoLogin("nesting")


def _refuse_half_characters(fields: Fields) -> None:
    try:
        json.dumps(fields, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NoLogin("encoding") from None


def _user_id(given: Any) -> str:
    if type(given) is int and len(str(abs(given))) <= LONGEST_USER_ID:
        return str(given)
    if type(given) is str and 1 <= len(given) <= LONGEST_USER_ID:
        return given
    raise NoLogin("user-id")


def _instant(given: Any) -> int | None:
    """A time stamp in milliseconds, rounded down; None when it is none."""
    if type(given) is int:
        return given if abs(given) >= MILLISECONDS_FROM else given * 1000
    if type(given) is Number:
        return _from_decimal(Decimal(given))
    return _from_text(given) if type(given) is str else None


@lru_cache(10_000)
def _from_text(text: str) -> int | None:
    if _plain_number.fullmatch(text):
        return _from_decimal(Decimal(text))
    if not _iso_8601.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // MILLISECOND


def _from_decimal(number: Decimal) -> int | None:
    if abs(number) > LAST_MS:
        return None
    milliseconds = number if abs(number) >= MILLISECONDS_FROM else number * 1000
    return int(milliseconds.to_integral_value(ROUND_FLOOR))
