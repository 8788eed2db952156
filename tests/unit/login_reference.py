"""What is a login, once more and slowly: written from the specification alone, sharing no code with processor/.

Numbers are kept as the text they came in, so that "kept as it came" can be compared.
"""

import json
import re
from datetime import date, timedelta
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_FLOOR, Context, Decimal
from math import isinf

ANNOUNCED = ("app_version", "device_type", "ip", "locale", "device_id")
OWN = ("user_id", *ANNOUNCED, "timestamp", "processed_timestamp")
DEEPEST = 512
EPOCH = date(1970, 1, 1).toordinal()
FIRST = (date.min.toordinal() - EPOCH) * 86_400_000
LAST = (date.max.toordinal() - EPOCH + 1) * 86_400_000  # the first millisecond after
EXACTLY = Context(MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)

ISO = re.compile(
    r"""(?P<year>\d{4})(?:-(?P<month>\d\d)-(?P<day>\d\d)|(?P<month_>\d\d)(?P<day_>\d\d)
        |-W(?P<week>\d\d)(?:-(?P<weekday>\d))?|W(?P<week_>\d\d)(?P<weekday_>\d)?)
    (?:[T ](?P<hour>\d\d)
        (?: :(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?
          |(?P<minute_>\d\d)(?:(?P<second_>\d\d)(?:[.,](?P<fraction_>\d+))?)?)?
        (?P<offset>Z|(?P<sign>[+-])(?P<offset_hour>\d\d)(?::?(?P<offset_minute>\d\d))?)?
    )?""",
    re.ASCII | re.VERBOSE,
)


class DeadLetterError(Exception):
    """It is not a login."""


class Number(str):
    """The text of a JSON number."""

    __slots__ = ()


class Members(list):
    """The members of a JSON object in order, equal names included."""

    __slots__ = ()


def processed(value: bytes | None, record_timestamp: int, now: int, keep: bool = True) -> dict[str, object]:
    """Return the fields of the processed record in their order; raise DeadLetterError."""
    members = dict(_object(value))
    login: dict[str, object] = {"user_id": _user_id(members.get("user_id"))}
    for name in ANNOUNCED:
        login[name] = _text_or_null(members.get(name))
    login["timestamp"] = Number(_timestamp(members.get("timestamp"), record_timestamp))
    login["processed_timestamp"] = Number(now)
    if keep:
        login |= {name: held for name, held in members.items() if name not in OWN}
    return login


def lossless(value: bytes) -> Members:
    """Parse JSON whose numbers stay text."""
    try:
        return json.loads(
            value.decode(), parse_int=_integer, parse_float=_float, parse_constant=_no_number, object_pairs_hook=Members
        )
    except (ValueError, RecursionError) as error:
        raise DeadLetterError from error


def _object(value: bytes | None) -> Members:
    if value is None or _depth(value) > DEEPEST:
        raise DeadLetterError
    members = lossless(value)
    if not isinstance(members, Members) or any("\ud800" <= c <= "\udfff" for text in _texts(members) for c in text):
        raise DeadLetterError
    return members


def _depth(value: bytes) -> int:
    if value.count(b"[") + value.count(b"{") <= DEEPEST:
        return 1
    deepest = depth = 0
    in_string = escaped = False
    for byte in value:
        if escaped:
            escaped = False
        elif in_string:
            escaped, in_string = byte == ord("\\"), byte != ord('"')
        elif byte == ord('"'):
            in_string = True
        else:
            depth += (byte in b"[{") - (byte in b"]}")
            deepest = max(deepest, depth)
    return deepest


def _texts(root: object) -> list[str]:
    found, waiting = [], [root]
    while waiting:
        here = waiting.pop()
        if isinstance(here, Members):
            for name, held in here:
                waiting += [name, held]
        elif isinstance(here, list):
            waiting += here
        elif isinstance(here, str):
            found.append(here)
    return found


def _integer(text: str) -> Number:
    if len(text.lstrip("-")) > 4300:
        raise DeadLetterError
    return Number(text)


def _float(text: str) -> Number:
    if isinf(float(text)):
        raise DeadLetterError
    return Number(text)


def _no_number(_: str) -> Number:
    raise DeadLetterError


def _user_id(held: object) -> str:
    if isinstance(held, Number):
        if any(c in held for c in ".eE") or len(held.lstrip("-")) > 256:
            raise DeadLetterError
        return str(int(held))
    if not isinstance(held, str) or not 1 <= len(held) <= 256:
        raise DeadLetterError
    return held


def _text_or_null(held: object) -> str | None:
    if held is None or (isinstance(held, str) and not isinstance(held, Number)):
        return held
    raise DeadLetterError


def _timestamp(held: object, record_timestamp: int) -> int:
    if held is None:
        if record_timestamp == -1:
            raise DeadLetterError
        instant = record_timestamp
    elif isinstance(held, Number) or (isinstance(held, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", held)):
        instant = _from_number(held)
    elif isinstance(held, str):
        instant = _from_iso(held)
    else:
        raise DeadLetterError
    if not FIRST <= instant < LAST:
        raise DeadLetterError
    return instant


def _from_number(text: str) -> int:
    mantissa, _, exponent = text.lower().partition("e")
    if len(exponent) > 5:  # 10**99999 takes long enough; no such number lies in the range, but for what is nearly zero
        if mantissa.strip("-0."):
            return (-1 if mantissa.startswith("-") else 0) if exponent.startswith("-") else LAST
        return 0
    exact = Decimal(text)
    size = exact.copy_abs()
    if size > 10**15:
        return LAST
    milliseconds = EXACTLY.multiply(exact, 1 if size >= 10**11 else 1000)
    return int(milliseconds.to_integral_value(ROUND_FLOOR, EXACTLY))


def _from_iso(text: str) -> int:
    match = ISO.fullmatch(text)
    if not match:
        raise DeadLetterError
    part = {name.rstrip("_"): held for name, held in match.groupdict().items() if held is not None}
    number = {name: int(held) for name, held in part.items() if name not in ("fraction", "offset", "sign")}
    try:
        if "week" in number:
            day = date.fromisocalendar(number["year"], number["week"], number.get("weekday", 1))
        else:
            day = date(number["year"], number["month"], number["day"])
    except ValueError:
        raise DeadLetterError from None
    hour, minute, second = (number.get(name, 0) for name in ("hour", "minute", "second"))
    offset_hour, offset_minute = number.get("offset_hour", 0), number.get("offset_minute", 0)
    if max(hour, offset_hour) > 23 or max(minute, second, offset_minute) > 59:
        raise DeadLetterError
    since = timedelta(day.toordinal() - EPOCH, hours=hour, minutes=minute, seconds=second)
    offset = timedelta(hours=offset_hour, minutes=offset_minute) * (-1 if part.get("sign") == "-" else 1)
    milliseconds = (since - offset) // timedelta(milliseconds=1)
    return milliseconds + int(part.get("fraction", "")[:3].ljust(3, "0"))
