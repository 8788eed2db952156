"""The same input through the pool and through Flink: topics for both, and what came out, in a form that compares."""

import json
import re
from collections import Counter
from typing import NamedTuple

from msgspec.structs import replace

from processor.settings import Settings
from tests.pool import messages

_STAMP = re.compile(rb'("processed_timestamp":)\d+')
_WORDS = "dead-letter.message"  # of `json`: each parser has its own


class Outcome(NamedTuple):
    """All that came out."""

    processed: Counter[object]
    letters: Counter[object]
    counts: dict[str, int]


def beside(settings: Settings, name: str) -> Settings:
    """Settings for another that reads the same input, and writes to topics of its own."""
    topics = settings.topics
    own = {field: f"{getattr(topics, field)}-{name}" for field in ("processed", "aggregations", "dead_letters")}
    return replace(settings, group=f"{settings.group}-{name}", topics=replace(topics, **own))


def outcome(settings: Settings) -> Outcome:
    """Read all of it, as a read_committed reader does; a published count that went down is an error."""
    processed = Counter(
        (message.key(), _STAMP.sub(rb"\1", message.value() or b"", count=1), _headers(message))
        for message in messages(settings, settings.topics.processed)
    )
    letters = Counter(
        (message.key(), message.value(), _headers(message))
        for message in messages(settings, settings.topics.dead_letters)
    )
    counts: dict[str, int] = {}
    for message in messages(settings, settings.topics.aggregations):
        user, value = (message.key() or b"").decode(), json.loads(message.value() or b"{}")
        assert value["user_id"] == user
        assert value["login_count"] >= counts.get(user, 0), "a published count went down"
        counts[user] = value["login_count"]
    return Outcome(processed, letters, counts)


def _headers(message: object) -> tuple[tuple[str, bytes], ...]:
    """In any order, as a map has them; without the words of a parser."""
    found = dict(message.headers() or ())  # type: ignore[attr-defined]
    if found.get("dead-letter.reason") == b"json":
        found.pop(_WORDS)
    return tuple(sorted(found.items()))


def assert_same(one: Outcome, other: Outcome) -> None:
    """Compare record for record, and show the first that differ."""
    for name, left, right in zip(Outcome._fields, one, other, strict=True):
        if left != right:
            missing, extra = Counter(left) - Counter(right), Counter(right) - Counter(left)  # type: ignore[arg-type]
            shown = [str(list(some.items())[:3])[:1500] for some in (missing, extra)]
            raise AssertionError(f"{name}: only in the first: {shown[0]}; only in the second: {shown[1]}")
