"""`data-processor explain`: what a user's count is made of."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from processor.explain.explain import Explanation
    from processor.explain.history import Agreement, Found


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(explain)


def explain(
    user: Annotated[str, typer.Argument(metavar="USER", help="A user id, exactly as counted.")],
    limit: Annotated[int, typer.Option(min=0, help="Show at most so many logins: the newest.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Print a user's logins from the log, which of them are counted and published, and whether the counts agree.

    It reads user-aggregations and the input from their first to their last record, while the pool works on. Logins
    that retention has deleted can't be shown: then it says how many of the count the log accounts for. Records under
    the user's key that are dead letters are named, too.

    Exit code 0 when nothing contradicts the log, 1 when a count does or nobody knows the user, 4 when Kafka or Redis
    does not answer or the shard is being restored, 5 when Redis holds counts of something else.
    """
    from msgspec import to_builtins

    from processor.cli import console
    from processor.cli.bars import bars
    from processor.errors import Exit
    from processor.explain.explain import explain as run

    settings = console.settings()
    with bars("records") as progress:
        found = run(settings, user, limit, progress.begin)
    if as_json:
        console.print_json(to_builtins(found, str_keys=True))
    else:
        _show(found)
    if found.differs or not found.known:
        raise typer.Exit(Exit.DIFFERENCE)


def _show(found: "Explanation") -> None:
    from processor.cli import console

    if found.shown:
        if found.logins > len(found.shown):
            print(f"The newest {len(found.shown):,} of {found.logins:,} logins:")
        rows = [
            (each.partition, each.offset, _time(each.timestamp), each.device_id or "", _state(each))
            for each in found.shown
        ]
        console.print_table(["partition", "offset", "time", "device", "state"], rows)
        print()
    for letter in found.letters_shown:
        print(
            f"Dead letter under this key: partition {letter.partition} offset {letter.offset}: {letter.reason} "
            f"({letter.message})."
        )
    if found.letters > len(found.letters_shown):
        print(f"{found.letters:,} dead letters under this key in all.")
    _conclude(found)


def _conclude(found: "Explanation") -> None:
    if not found.known:
        print(f"Nobody knows the user {found.user}: no login in the log, no count, nothing published.")
        return
    for partition, low in found.deleted.items():
        print(f"Retention deleted partition {partition} below offset {low}: logins there can't be shown.")
    waiting = found.logins - found.processed
    print(
        f"The log has {found.logins:,} logins of {found.user}"
        + (f", {waiting:,} not processed yet." if waiting else ".")
    )
    if found.forgotten:
        print(f"The user was forgotten: {found.not_counted:,} of these logins are from before that, and don't count.")
    print(f"Redis (shard {found.shard}): {_held(found.count, found.counted, found.count_agrees)}, of those counted.")
    held = _held(found.published_count, found.published, found.published_agrees)
    print(f"user-aggregations: {held}, of those published.")


def _held(said: int | str, in_log: int, agreement: "Agreement") -> str:
    match agreement:
        case "agrees":
            return f"{said:,}, as the log says"
        case "unknown":
            return f"{said:,}; the log accounts for {in_log:,} of them"
    return f"{said}, but the log has {in_log:,}: see `data-processor audit`"


def _state(found: "Found") -> str:
    if found.forgotten:
        return "forgotten"
    if found.published:
        return "published" if found.counted else "published, to be counted again"
    if found.counted:
        return "counted"
    return "processed" if found.processed else "waiting"


def _time(milliseconds: int) -> str:
    from datetime import UTC, datetime, timedelta

    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return f"{milliseconds} ms"
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
