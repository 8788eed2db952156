"""What the dead-letters commands share: which letters are meant, and a bar while they are at work."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from processor.letters.choice import Choice

Reasons = Annotated[list[str] | None, typer.Option("--reason", help="Only this reason; may be repeated.")]
Partitions = Annotated[
    list[int] | None, typer.Option("--partition", min=0, help="Only this partition of the input; may be repeated.")
]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="Dead since then: 2h (ago), or ISO 8601 (UTC).")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Dead before then.")]


def chosen(
    ids: Sequence[str] | None = None,
    reasons: Sequence[str] | None = None,
    partitions: Sequence[int] | None = None,
    since: str | None = None,
    until: str | None = None,
) -> "Choice":
    """Read the options that say which letters are meant; raises ConfigurationError."""
    from time import time
    from typing import get_args

    from processor.errors import ConfigurationError
    from processor.letters.choice import Choice, parse_id
    from processor.letters.times import instant
    from processor.logins.records import Reason

    for reason in reasons or ():
        if reason not in get_args(Reason):
            raise ConfigurationError(f"there is no reason {reason!r}: {', '.join(get_args(Reason))}")
    now = round(time() * 1000)
    return Choice(
        ids=frozenset(map(parse_id, ids or ())),
        reasons=frozenset(reasons or ()),
        partitions=frozenset(partitions or ()),
        since=None if since is None else instant(since, now),
        until=None if until is None else instant(until, now),
    )


@contextmanager
def bar(total: int, *, drawn: bool) -> Iterator[Callable[[int], None]]:
    """Draw a bar on a terminal, nothing elsewhere."""
    from processor.cli import console

    if not (drawn and sys.stderr.isatty()):
        yield lambda _done: None
        return
    with console.progress("letters") as bars:
        task = bars.add_task("redriving", total=total)
        yield lambda done: bars.advance(task, done)
