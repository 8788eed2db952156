"""`data-processor forget`: some users' counts are taken back, in Redis and in Kafka."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from processor.forgetting import Forgetting
    from processor.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(forget)


def forget(
    users: Annotated[list[str], typer.Argument(metavar="USER…", help="User ids, exactly as counted.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Only ask for it; nobody says when it is done.")] = False,
    timeout: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Wait at most so long.")] = 120.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Forget users: their counts leave Redis and user-aggregations, and their logins so far count no more.

    The flusher does it with its next flush, while the pool works on; a user who comes back counts from 1. The logins
    themselves stay in Kafka until retention deletes them: what can't be reached is printed at the end. Whoever waits
    hears of it only when it is in Kafka, and a request that a Redis lost meanwhile is made again; with --no-wait it may
    be lost. Later, `explain USER` tells whether a user was forgotten, for as long as their logins may be in the log.

    Exit code 0 when all are forgotten (or it is asked for, with --no-wait), 2 for what can't be a user id, 4 when it
    was not done in time, or Kafka or Redis does not answer, 5 when the question was not answered with yes.
    """
    from processor.cli import console
    from processor.forgetting import Forgetting

    settings = console.settings()
    forgetting = Forgetting(settings, users)
    if not yes:
        console.insist(f"Forget {len(set(users)):,} users for good?", otherwise="nothing was changed")
    forgetting.ask()
    left = forgetting.users if no_wait else forgetting.wait(timeout)
    _show(settings, forgetting, left, as_json)
    if left and not no_wait:
        _complain(left)


def _show(settings: "Settings", forgetting: "Forgetting", left: list[str], as_json: bool) -> None:
    from processor.cli import console

    out_of_reach = _out_of_reach(settings)
    if as_json:
        forgotten = {user: forget.logins for user, forget in forgetting.done.items()}
        console.print_json({"forgotten": forgotten, "asked": left, "out_of_reach": out_of_reach})
        return
    if forgetting.done:
        rows = [(user, forget.logins) for user, forget in forgetting.done.items()]
        console.print_table(["forgotten", "logins"], rows)
    if left:
        print(f"Asked for, and not done yet: {len(left):,} users. The flusher does it with its next flush.")
    print("\nNot reached:")
    for line in out_of_reach:
        print(f"- {line}")


def _complain(left: list[str]) -> None:
    from processor.errors import Unavailable

    raise Unavailable(
        f"{len(left)} users are not forgotten yet: it stays asked for, and the next flush does it. `data-processor "
        "status` says whether a flusher leads, `explain USER` whether it was done"
    )


def _out_of_reach(settings: "Settings") -> list[str]:
    topics = settings.topics
    return [
        f"their logins in {topics.input}, until retention: {_days(topics.input_retention_ms)}",
        f"what was made of them in {topics.processed}: {_days(topics.processed_retention_ms)}",
        f"dead letters that name them in {topics.dead_letters}: {_days(topics.dead_letters_retention_ms)}, or "
        "`dead-letters purge`",
        f"older counts in {topics.aggregations}, until compaction: {_days(topics.aggregations_compaction_ms)} and a "
        "little; a hash of the user id stays for as long as their logins may be in the log",
        "backups and append-only files of Redis, until they are rewritten, and the audit's baseline on each host that "
        "audits, until its next audit",
        "logins that were not counted yet when it was done: they count, as those of a user who comes back",
    ]


def _days(milliseconds: int) -> str:
    return "for good" if milliseconds < 0 else f"{milliseconds / 86_400_000:,.3g} days"
