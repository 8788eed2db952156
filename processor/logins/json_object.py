"""One JSON object, checked to the last byte: what is only passed through must be as sound as what is read."""

import re
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from math import isinf

from msgspec import DecodeError, Raw, ValidationError, json

from processor.logins.records import Rejected

MAX_NESTING = 512  # objects and arrays within each other, the outermost one included
MAX_INTEGER_DIGITS = 4_300  # what Python's own json reads by default

Members = dict[str, Raw]

_read_members = json.Decoder(Members).decode  # checks everything but numbers' sizes and the UTF-8 of raw values
_number = re.compile(rb"-?([0-9]+)((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")
_exponent = re.compile(rb"[0-9][eE]")
_not_brackets = bytes(set(range(256)) - set(b"[]{}"))
_step = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_lone_surrogate = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)


def read_object(value: bytes) -> Members | Rejected:
    """Read the members of the object that the value is: unescaped name -> raw JSON; of equal names the last one."""
    if refused := _refuse_encoding(value):
        return refused
    outside = _outside_strings(value)
    if _nesting(outside) > MAX_NESTING:
        return Rejected("nesting", f"objects and arrays lie more than {MAX_NESTING} deep within each other")
    try:
        members = _on_enough_stack(value)
    except ValidationError:
        return Rejected("not-an-object", "the value is not a JSON object")
    except DecodeError as error:
        return _malformed(value, error)
    return _refuse_numbers(outside) or members


def _refuse_encoding(value: bytes) -> Rejected | None:
    if value.startswith(b"\xef\xbb\xbf"):
        return Rejected("encoding", "the value begins with a byte order mark")
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return Rejected("encoding", f"invalid UTF-8 at byte {error.start}")
    return None


def _malformed(value: bytes, error: DecodeError) -> Rejected:
    if _lone_surrogate.search(value.replace(b"\\\\", b"")):
        return Rejected("encoding", "an escape in a string stands for half a surrogate pair")
    return Rejected("json", str(error))  # names a position, nothing of the value


def _outside_strings(value: bytes) -> bytes:
    r"""Keep the structure and the literals alone; without \\ and \" each quotation mark opens or closes a string."""
    if b"\\" in value:
        value = value.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(value.split(b'"')[::2])


def _nesting(outside: bytes) -> int:
    """Tell how deep it goes, without recursion; exact where it matters, which is above MAX_NESTING."""
    opened = outside.count(b"[") + outside.count(b"{")
    if opened <= MAX_NESTING:
        return opened
    return max(accumulate(map(_step.__getitem__, outside.translate(None, _not_brackets))))


def _on_enough_stack(value: bytes) -> Members:
    """Read within the interpreter's limit of recursion wherever the caller stands.

    The verdict must not depend on how much of its stack the caller has used; a new thread has used none.
    """
    try:
        return _read_members(value)
    except RecursionError:
        with ThreadPoolExecutor(max_workers=1) as empty_stack:
            return empty_stack.submit(_read_members, value).result()


def _refuse_numbers(outside: bytes) -> Rejected | None:
    if len(outside) < 309 and not _exponent.search(outside):  # the largest double has 309 digits
        return None
    for number in _number.finditer(outside):
        digits, rest = number.groups()
        if isinf(float(number[0])) if rest else len(digits) > MAX_INTEGER_DIGITS:
            return Rejected("number", f"a number exceeds a double, or an integer {MAX_INTEGER_DIGITS:,} digits")
    return None
