"""A record's headers, where a name may be any bytes: asked for so that one that is no text ends no process.

confluent_kafka gives such a name out as a null pointer and sets the error beside the result. Python's interpreter may
then raise the error calls later, for another record, or never; and whoever touches the name ends by SIGSEGV.
"""

from collections.abc import Callable, Sequence
from operator import methodcaller
from typing import Any

Headers = list[tuple[str, bytes | None]]

ask: Callable[[Any], Headers | None] = methodcaller("headers")
"""Ask a record for its headers, once only; unlike a call in Python's own code, this one raises at once."""


def asking(records: Sequence[Any]) -> Callable[[Any], Headers | None]:
    """Find what asks each of these, all of one class, in C's `map`: as sure as `ask`, at a quarter of its cost."""
    return type(records[0]).headers if records else ask


UNREADABLE = (UnicodeDecodeError, SystemError)
"""What they raise when a name is not UTF-8."""
