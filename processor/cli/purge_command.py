"""`data-processor dead-letters purge`: letters are deleted."""

from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli import letter_options

if TYPE_CHECKING:
    from processor.letters.cutting import Cut, Cutoff


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(purge)


def purge(
    before: Annotated[
        str | None, typer.Option(metavar="TIME", help="Letters that died before then: 7d (ago), or ISO 8601 (UTC).")
    ] = None,
    through: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="This letter and all before it in its partition; may be repeated."),
    ] = None,
    all_letters: Annotated[bool, typer.Option("--all", help="All letters.")] = False,
    reason: Annotated[
        list[str] | None, typer.Option("--reason", help="Refuse unless all that goes has this reason; repeatable.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete letters, from the beginning of their partitions on, which is all that Kafka can.

    The topic keeps a record of it, so that an audit knows: what was purged is no difference. A letter that must stay
    keeps all that lie behind it, whatever their time. It ends a redrive that is at work.

    Exit code 0, 2 for wrong arguments, 4 when Kafka does not answer, 5 when letters of other reasons would go, too, or
    the question was not answered with yes, 6 when a redrive or another purge took over.
    """
    wanted = letter_options.chosen(reasons=reason).reasons
    _carry_out(_cutoff(before, through, all_letters=all_letters), wanted, dry_run=dry_run, yes=yes)


def _carry_out(cutoff: "Cutoff", wanted: frozenset[str], *, dry_run: bool, yes: bool) -> None:
    import os

    from processor import faults
    from processor.cli import console
    from processor.letters.cutting import refuse_if_others_go, together
    from processor.letters.purge import Purging

    faults.arm(os.environ)
    process = Purging(console.settings(), cutoff)
    unfinished = process.unfinished()
    if unfinished and not dry_run:
        process.finish(unfinished)
        print("A purge that was interrupted is finished now.")
    cuts = process.look()
    _show(cuts)
    refuse_if_others_go(together(cuts.values()), wanted)
    if not cuts or dry_run:
        return
    if not yes:
        console.insist("Delete them for ever?", otherwise="nothing was deleted")
    process.run(cuts)
    print("Purged.")


def _cutoff(before: str | None, through: list[str] | None, *, all_letters: bool) -> "Cutoff":
    from time import time

    from processor.errors import ConfigurationError
    from processor.letters import cutting
    from processor.letters.choice import parse_id
    from processor.letters.times import instant

    if (before is not None) + bool(through) + all_letters != 1:
        raise ConfigurationError("say how far: either --before, --through, or --all")
    return cutting.Cutoff(
        before=None if before is None else instant(before, round(time() * 1000)),
        through=cutting.through(map(parse_id, through)) if through else None,
    )


def _show(cuts: "dict[int, Cut]") -> None:
    from processor.letters.cutting import together
    from processor.letters.text import printable

    if not cuts:
        print("No dead letters go.")
        return
    for reason, number in together(cuts.values()).most_common():
        print(f"{number:>9,} {printable(reason)}")
    letters, redriven = (sum(getattr(cut, what) for cut in cuts.values()) for what in ("letters", "redriven"))
    print(f"{letters:,} dead letters go; never redriven: {letters - redriven:,}")
    for partition, cut in sorted(cuts.items()):
        print(f"partition {partition}: from offset {cut.start} to {cut.before - 1}")
