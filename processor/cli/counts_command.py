"""`data-processor count` and `top`: what Redis has counted."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from processor.counts.reading import Reading
    from processor.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print a JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(count)
    app.command()(top)


def count(
    users: Annotated[list[str], typer.Argument(metavar="USER…", help="User ids, exactly as counted.")],
    as_json: Json = False,
) -> None:
    """Print how many logins of each user Redis has counted; 0 for a user without any.

    Exit code 0 when each of them has logins, 1 when one has none, 4 when Redis does not answer or is being restored.
    """
    from processor.cli import console
    from processor.errors import Exit

    reading = _reading(console.settings())
    logins = {user: found or 0 for user, found in zip(users, reading.count(users), strict=True)}
    if as_json:
        console.print_json(logins)
    else:
        console.print_table(["user", "logins"], logins.items())
    if not all(logins.values()):
        raise typer.Exit(Exit.DIFFERENCE)


def top(
    number: Annotated[int, typer.Argument(metavar="[N]", help="How many users.", min=1)] = 10,
    as_json: Json = False,
) -> None:
    """Print the users with the most logins, most first, equal ones by name; it reads the counts of all users.

    Exit code 0, also when there are fewer users; 4 when Redis does not answer or is being restored.
    """
    from processor.cli import console

    users = _reading(console.settings()).top(number)
    if as_json:
        console.print_json(dict(users))
    else:
        console.print_table(["user", "logins"], users)


def _reading(settings: "Settings") -> "Reading":
    """Read from Redis, unless a shard is empty: a count of 0 would be no answer then."""
    from processor.counts.connection import connect
    from processor.counts.reading import Reading
    from processor.errors import NotReady

    reading = Reading(connect(settings.redis, "data-processor-tool"), settings.redis)
    empty = [state.shard for state in reading.shard_states() if state.lineage is None]
    if empty:
        raise NotReady(
            f"Redis: shard {', '.join(map(str, empty))} has no counts yet: a pool that runs (its flusher) restores or "
            "begins them; see `data-processor status`"
        )
    return reading
