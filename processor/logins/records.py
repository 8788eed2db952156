"""What the messages are, as types: a login, what was refused, and a user's count."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct

RULES_VERSION = 1
"""Raised whenever what counts as a login changes: counts made under other rules are of another lineage."""

MAX_USER_ID = 256
"""Characters of a user id that is a string, digits of one that is an integer."""

Reason = Literal[
    "tombstone",
    "empty",
    "encoding",
    "json",
    "nesting",
    "number",
    "not-an-object",
    "user-id",
    "timestamp",
    "field",
    "too-large",
    "headers",
]

NOT_GIVEN: Any = None

if TYPE_CHECKING:
    Instant = int
else:
    # What producers send. Login is decoded straight from their JSON, and the decoder puts the milliseconds in the
    # time stamp's place before anyone sees the login: an object of its own for the input would cost a third more.
    Instant = int | str | None


class Login(Struct, gc=False, forbid_unknown_fields=True):
    """A valid login; its fields, in this order, are the processed record."""

    user_id: Annotated[str, Meta(min_length=1, max_length=MAX_USER_ID)]
    app_version: str | None = None
    device_type: str | None = None
    ip: str | None = None
    locale: str | None = None
    device_id: str | None = None
    timestamp: Instant = NOT_GIVEN  # ms since the epoch, UTC
    processed_timestamp: int = 0  # the same; whatever the input says here is replaced


class LoginWithMore(Login, gc=False):
    """A login with fields that no one announced; they travel along as the JSON text they came in."""

    more: bytes = b""  # `,"name":value` for each of them


class Rejected(Struct, frozen=True, gc=False):
    """Why a record is a dead letter; its message names known fields and positions, nothing else of the record."""

    reason: Reason
    message: str  # at most 200 characters


class Aggregation(Struct, frozen=True, gc=False):
    """A record of user-aggregations: how many logins a user has had."""

    user_id: str
    login_count: int
