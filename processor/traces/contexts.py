"""The traces that logins come from: their producers' `traceparent` headers, as W3C has them."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from processor.logins.batch import Batch

TRACEPARENT = "traceparent"

_FORM = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_SAMPLED = 1


class Context(NamedTuple):
    """A span somewhere else."""

    trace: int
    span: int
    flags: int


def read(header: bytes | None) -> Context | None:
    """Read a header's value; None where it is no context."""
    found = _FORM.fullmatch(header or b"")
    if found is None or found[1] == b"ff" or (found[1] == b"00" and found[5]):
        return None
    context = Context(int(found[2], 16), int(found[3], 16), int(found[4], 16))
    return context if context.trace and context.span else None


def producers(batches: Sequence[Batch], most: int) -> list[Context]:
    """The first distinct ones that somebody records, at most so many: a link to another leads nowhere."""
    found: dict[Context, None] = {}
    for context in _contexts(batches):
        if context.flags & _SAMPLED:
            found[context] = None
            if len(found) == most:
                break
    return list(found)


def _contexts(batches: Sequence[Batch]) -> Iterable[Context]:
    for batch in batches:
        for headers in batch.headers or ():
            for name, value in headers or ():
                if name == TRACEPARENT and (context := read(value)) is not None:
                    yield context
