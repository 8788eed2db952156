"""`data-processor dead-letters redrive`: letters go back to the input."""

from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli import letter_options

if TYPE_CHECKING:
    from processor.kafka.letters import Id
    from processor.letters.redrive import Look, Orders, Outcome
    from processor.letters.returns import Change, Stays

_TOLD_AT_MOST = 20  # letters left alone that are named one by one


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(redrive)


def redrive(  # noqa: PLR0913, PLR0917 (a command's options are its parameters)
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="As `list` shows them: 2:15.")] = None,
    reason: letter_options.Reasons = None,
    partition: letter_options.Partitions = None,
    since: letter_options.Since = None,
    until: letter_options.Until = None,
    all_letters: Annotated[bool, typer.Option("--all", help="All letters.")] = False,
    edit: Annotated[bool, typer.Option("--edit", help="Open $VISUAL or $EDITOR on each value.")] = False,
    filter_command: Annotated[
        str | None,
        typer.Option("--filter", metavar="COMMAND", help="A command that gets a value and prints the new one."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that the command has for one value.")] = 30.0,
    force: Annotated[bool, typer.Option("--force", help="Send also what would become a dead letter again.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Send also what was redriven before.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be sent and what would stay.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Send letters back to the input, each once, with its key, partition, headers and time.

    Records and the markers that say which letters went are written in one transaction, so a letter that was redriven is
    not redriven again, whatever dies. What the workers would refuse again stays, unless --force. COMMAND runs without
    a shell, once a letter: the value on its stdin, the new value from its stdout; where it fails, the letter stays.

    Exit code 0 when all that were chosen went, now or before, 1 when some stay, 2 for wrong arguments, 4 when Kafka
    does not answer, 5 when a letter is not there or the question was not answered with yes, 6 when another redrive or
    purge took over.
    """
    from processor.errors import ConfigurationError
    from processor.letters.redrive import Orders

    if not (ids or reason or partition or since or until or all_letters):
        raise ConfigurationError("say which letters: ids, --reason, --partition, --since, --until, or --all")
    choice = letter_options.chosen(ids, reason, partition, since, until)
    change = _change(filter_command, timeout, edit=edit)
    _carry_out(Orders(choice, change, again=again, force=force, at_once=edit), dry_run=dry_run, yes=yes)


def _carry_out(orders: "Orders", *, dry_run: bool, yes: bool) -> None:
    import os

    from processor import faults
    from processor.cli import console
    from processor.errors import Exit
    from processor.letters.redrive import Redrive

    faults.arm(os.environ)
    process = Redrive(console.settings(), orders, _Telling())
    look = process.look()
    _show(look)
    if look.reasons and not (dry_run or yes):
        console.insist(_question(look), otherwise="nothing was sent")
    with letter_options.bar(look.letters, drawn=not orders.at_once) as advance:
        outcome = process.run(advance, dry=dry_run)
    _report(outcome, dry=dry_run)
    if outcome.stays:
        raise typer.Exit(Exit.DIFFERENCE)


def _change(command: str | None, timeout: float, *, edit: bool) -> "Change":
    import os

    from processor.cli.changing import Editor, Filter
    from processor.errors import ConfigurationError
    from processor.letters.returns import unchanged

    if edit and command is not None:
        raise ConfigurationError("say either --edit or --filter")
    if edit:
        return Editor(os.environ)
    return unchanged if command is None else Filter(command, timeout)


class _Telling:
    """Names the first letters that stay, on stderr."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, letter: "Id", stays: "Stays") -> None:
        import sys

        self._told += 1
        if self._told <= _TOLD_AT_MOST:
            more = f" ({stays.more})" if stays.more else ""
            print(f"{letter}: {stays.why}{more}", file=sys.stderr)
        elif self._told == _TOLD_AT_MOST + 1:
            print("and more, summed up below", file=sys.stderr)


def _show(look: "Look") -> None:
    from processor.letters.text import printable

    for reason, number in look.reasons.most_common():
        print(f"{number:>9,} {printable(reason)}")
    if look.redriven:
        print(f"{look.redriven:>9,} were redriven before: left alone (--again sends them once more)")
    if not look.letters:
        print("No dead letters.")


def _question(look: "Look") -> str:
    return f"Redrive these {look.reasons.total():,} letters?"


def _report(outcome: "Outcome", *, dry: bool) -> None:
    for why, number in outcome.stays.most_common():
        print(f"{number:>9,} {'would stay' if dry else 'stay'}: {why}")
    if outcome.retimed:
        print(
            f"{outcome.retimed:>9,} got the time of now: the input might delete such old records before they are read"
        )
    if outcome.bare:
        print(
            f"{outcome.bare:>9,} {'would go' if dry else 'went'} without their own headers, whose names are not UTF-8"
        )
    print(f"{outcome.sent:>9,} {'would be redriven' if dry else 'redriven'}")
