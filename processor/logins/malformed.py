"""What is no login, seen or feared: each function spoils a good login's JSON in its own way."""

import re
from collections.abc import Callable

_USER_ID = re.compile(rb'"user_id": ("[^"]*"|\d+), ')
_TIMESTAMP = re.compile(rb'"timestamp": ("[^"]*"|\d+)')


def truncated(login: bytes) -> bytes:
    """Cut off in the middle."""
    return login[: len(login) * 2 // 3]


def trailing(login: bytes) -> bytes:
    """Two objects where one should be."""
    return login + b"{}"


def not_utf_8(login: bytes) -> bytes:
    """A Latin-1 letter in a string."""
    return login.replace(b'"locale": "', b'"locale": "\xe9')


def lone_surrogate(login: bytes) -> bytes:
    """Half of a character, which no UTF-8 can hold."""
    return login.replace(b'"locale": "', b'"locale": "\\ud83d')


def byte_order_mark(login: bytes) -> bytes:
    """Saved by an editor."""
    return b"\xef\xbb\xbf" + login


def without_user(login: bytes) -> bytes:
    """Nobody's login."""
    return _USER_ID.sub(b"", login, count=1)


def empty_user(login: bytes) -> bytes:
    """An id of no characters."""
    return _USER_ID.sub(b'"user_id": "", ', login, count=1)


def user_of_another_type(login: bytes) -> bytes:
    """An id in a list."""
    return _USER_ID.sub(rb'"user_id": [\1], ', login, count=1)


def timestamp_in_words(login: bytes) -> bytes:
    """A time that is none."""
    return _TIMESTAMP.sub(b'"timestamp": "yesterday"', login, count=1)


def number_out_of_range(login: bytes) -> bytes:
    """A time beyond the year 9999."""
    return _TIMESTAMP.sub(b'"timestamp": 1e400', login, count=1)


def field_of_another_type(login: bytes) -> bytes:
    """An address that is a number."""
    return login.replace(b'"ip": "', b'"ip": 7, "was": "')


def array(login: bytes) -> bytes:
    """A list of one login."""
    return b"[" + login + b"]"


def too_deep(login: bytes) -> bytes:
    """An unknown field nested two thousand deep."""
    return login[:-1] + b', "deep": ' + b"[" * 2000 + b"]" * 2000 + b"}"


def empty(_login: bytes) -> bytes:
    """A value without bytes."""
    return b""


def tombstone(_login: bytes) -> None:
    """No value."""


SPOILED: tuple[Callable[[bytes], bytes | None], ...] = (
    truncated,
    trailing,
    not_utf_8,
    lone_surrogate,
    byte_order_mark,
    without_user,
    empty_user,
    user_of_another_type,
    timestamp_in_words,
    number_out_of_range,
    field_of_another_type,
    array,
    too_deep,
    empty,
    tombstone,
)
"""Every kind of malformed record that `generate` makes."""
