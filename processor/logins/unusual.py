"""The complete rules of what a login is, for the records that are not of the usual shape."""

import re
from typing import Any, Literal

from msgspec import Raw, ValidationError, json

from processor.logins.json_object import Members, read_object
from processor.logins.records import MAX_USER_ID, Login, LoginWithMore, Rejected
from processor.logins.timestamps import Instants, from_json_number, of_record

UnknownFields = Literal["keep", "drop"]

OPTIONAL = ("app_version", "device_type", "ip", "locale", "device_id")
KNOWN = frozenset(Login.__struct_fields__)
NULL = b"null"

_read_text = json.Decoder(str).decode
_read_optional = json.Decoder(str | None).decode
_write = json.Encoder().encode
_integer = re.compile(rb"-?([0-9]+)")


def decode_unusual(
    value: bytes | None, record_timestamp: int, instants: Instants, unknown_fields: UnknownFields
) -> Login | Rejected:
    """Decide on any value whatever; `record_timestamp` (ms) stands in for a time stamp that is missing or null."""
    if value is None:
        return Rejected("tombstone", "the record has no value")
    if not value:
        return Rejected("empty", "the value has no bytes")
    members = read_object(value)
    if isinstance(members, Rejected):
        return members
    fields: list[Any] = [
        _user_id(members.get("user_id")),
        *[_optional(name, members.get(name)) for name in OPTIONAL],
        _timestamp(members.get("timestamp"), record_timestamp, instants),
    ]
    for field in fields:
        if isinstance(field, Rejected):
            return field
    more = _unknown(members) if unknown_fields == "keep" else b""
    if not more:
        return Login(*fields)
    login = LoginWithMore(*fields)
    login.more = more
    return login


def _user_id(raw: Raw | None) -> str | Rejected:
    text = NULL if raw is None else bytes(raw)
    if text == NULL:
        return Rejected("user-id", "user_id is missing")
    if integer := _integer.fullmatch(text):
        if len(integer[1]) <= MAX_USER_ID:
            return str(int(text))
        return Rejected("user-id", f"user_id has more than {MAX_USER_ID} digits")
    try:
        user_id = _read_text(text)
    except ValidationError:
        return Rejected("user-id", "user_id is neither a string nor an integer")
    if 1 <= len(user_id) <= MAX_USER_ID:
        return user_id
    return Rejected("user-id", f"user_id has more than {MAX_USER_ID} characters" if user_id else "user_id is empty")


def _optional(name: str, raw: Raw | None) -> str | Rejected | None:
    try:
        return None if raw is None else _read_optional(raw)
    except ValidationError:
        return Rejected("field", f"{name} is neither a string nor null")


def _timestamp(raw: Raw | None, record_timestamp: int, instants: Instants) -> int | Rejected:
    text = NULL if raw is None else bytes(raw)
    try:
        if text == NULL:
            return of_record(record_timestamp)
        return instants[_read_text(text)] if text.startswith(b'"') else from_json_number(text.decode())
    except ValueError as error:
        return Rejected("timestamp", str(error))


def _unknown(members: Members) -> bytes:
    """Write the fields that no one announced, each with a comma in front, as JSON text: values exactly as they came."""
    return b"".join([b",%b:%b" % (_write(name), raw) for name, raw in members.items() if name not in KNOWN])
