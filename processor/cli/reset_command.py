"""`data-processor reset`: everything begins anew, at a start of one's choice."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from processor.reset.plan import Choice, Plan
    from processor.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reset)


def reset(
    to: Annotated[str | None, typer.Option(metavar="earliest|latest", help="The input's first or next record.")] = None,
    to_offsets: Annotated[
        str | None, typer.Option(metavar="FILE|JSON", help='An offset for each partition, as {"0": 12, "1": 34}.')
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as a JSON object.")] = False,
) -> None:
    """Begin anew, by default at the input's first record: offsets, counts and published counts together.

    Counts in Redis are deleted; every published count is taken back by a tombstone in user-aggregations. What was
    processed stays in processed-logins and the dead letters, and will be there twice for records that are processed
    again; audits look only at what follows. The pool must be stopped on all hosts. Interrupted, it leaves the pool
    unable to start until it is run again.

    Exit code 0 when done (or shown, with --dry-run), 2 for offsets that can't be read, 4 when Kafka or Redis does not
    answer, 5 for offsets that are not in the log, when the pool is alive or the question was not answered with yes.
    """
    import os

    from processor import faults
    from processor.cli import console
    from processor.errors import ConfigurationError
    from processor.reset.plan import choice

    if to not in {None, "earliest", "latest"}:
        raise ConfigurationError(f"--to must be earliest or latest, not {to}")
    faults.arm(os.environ)
    _carry_out(console.settings(), choice(to, to_offsets), dry_run=dry_run, yes=yes, as_json=as_json)


def _carry_out(settings: "Settings", chosen: "Choice", *, dry_run: bool, yes: bool, as_json: bool) -> None:
    import sys

    from processor.cli import console
    from processor.reset.reset import Reset

    process = Reset(settings, lambda said: print(f"data-processor: {said}", file=sys.stderr, flush=True))
    plan = process.plan(chosen)
    _show(settings, plan, as_json)
    if dry_run:
        alive = process.alive()
        if alive and not as_json:
            print(f"Now it would be refused: {alive}.")
        return
    if not yes:
        console.insist("Begin anew?", otherwise="nothing was changed")
    process.run(plan)
    if not as_json:
        print(
            "Done. The pool may be started. Audit it once a week at least: where the outputs of this beginning start,"
        )
        print("Kafka forgets after seven days (offsets.retention.minutes) unless an audit tells it again.")


def _show(settings: "Settings", plan: "Plan", as_json: bool) -> None:
    from msgspec import to_builtins

    from processor.cli import console

    if as_json:
        console.print_json(to_builtins(plan, str_keys=True))
        return
    topics = settings.topics
    rows = [
        (partition, low, high, plan.committed.get(partition, "none"), plan.starts[partition])
        for partition, (low, high) in plan.input.items()
    ]
    console.print_table([f"{topics.input} partition", "first", "end", "committed", "will be"], rows)
    for shard, found in enumerate(plan.lineages):
        if found != plan.lineage:
            print(f"Shard {shard} in Redis is of lineage `{found}` and will be of `{plan.lineage}`.")
    print(f"Counts of {plan.users:,} users in Redis will be deleted, and cursors stand at these offsets.")
    print(f"Counts of {plan.published:,} users in {topics.aggregations} will be taken back, by a tombstone each.")
    if plan.forgotten:
        print(
            f"{plan.forgotten:,} users were forgotten: logins of them that are counted anew count; forget them again."
        )
    print(f"{topics.processed} and {topics.dead_letters} stay as they are; what follows belongs to the new beginning.")
    print("The audit's baseline on this host will be deleted.")
