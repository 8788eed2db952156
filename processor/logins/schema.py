"""The messages' JSON Schemas, made from types: what producers may send, and what consumers get.

A schema can't say everything: the digits of a number, a day that there is not, half a surrogate pair or too deep a
nesting is refused by the decoder alone.
"""

from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct, json

from processor.logins.records import MAX_USER_ID, Aggregation
from processor.logins.timestamps import FIRST_MS, ISO_8601, LAST_MS, PLAIN_NUMBER

Message = Literal["login", "processed", "aggregation"]
MESSAGES: tuple[Message, ...] = get_args(Message)

UserId = Annotated[str, Meta(description="The user, kept as it is.", min_length=1, max_length=MAX_USER_ID)]
UserNumber = Annotated[int, Meta(description=f"Stands for its decimal string; at most {MAX_USER_ID} digits.")]
Instant = Annotated[int, Meta(description="Milliseconds since the epoch, UTC.", ge=FIRST_MS, le=LAST_MS)]
SentNumber = Annotated[
    float,
    Meta(
        description="Seconds since the epoch; an absolute value of 1e11 or more is milliseconds.",
        examples=[1694479551, 1694479551000],
        ge=FIRST_MS,
        le=LAST_MS,
    ),
]
SentText = Annotated[
    str,
    Meta(
        description="The same number, or ISO 8601; without an offset it is UTC.",
        examples=["1694479551", "2023-09-12T00:45:51", "2023-09-12T02:45:51.5+02:00"],
        pattern=f"^(?:{PLAIN_NUMBER}|{ISO_8601})$",
    ),
]


class SentLogin(Struct):
    """A login as producers may send it; other fields are kept (or dropped: `worker.unknown_fields`)."""

    user_id: UserId | UserNumber
    app_version: str | None = None
    device_type: str | None = None
    ip: str | None = None
    locale: str | None = None
    device_id: str | None = None
    timestamp: Annotated[
        SentNumber | SentText | None, Meta(description="Missing or null: the Kafka record's own time stamp.")
    ] = None


class ProcessedLogin(Struct):
    """A login as it was processed; the fields that no one announced follow as they came."""

    user_id: UserId
    app_version: str | None
    device_type: str | None
    ip: str | None
    locale: str | None
    device_id: str | None
    timestamp: Instant
    processed_timestamp: Instant


_types: dict[Message, type[Struct]] = {"login": SentLogin, "processed": ProcessedLogin, "aggregation": Aggregation}


def json_schema(message: Message) -> dict[str, Any]:
    """Describe a message's value as a JSON Schema, draft 2020-12."""
    described = _types[message]
    _, components = json.schema_components([described])
    schema: dict[str, Any] = components[described.__name__]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
