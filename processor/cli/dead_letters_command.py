"""`data-processor dead-letters list | show | redrive | purge`: what could not be processed, and what becomes of it."""

from typing import TYPE_CHECKING, Annotated

import typer

from processor.cli import letter_options, purge_command, redrive_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from processor.kafka.letterbox import Letterbox, Marks
    from processor.kafka.letters import Letter
    from processor.letters.choice import Choice

dead_letters = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(dead_letters, name="dead-letters", help="List, show, redrive or purge what could not be processed.")
    redrive_command.register(dead_letters)
    purge_command.register(dead_letters)


@dead_letters.command("list")
def list_letters(
    reason: letter_options.Reasons = None,
    partition: letter_options.Partitions = None,
    since: letter_options.Since = None,
    until: letter_options.Until = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many letters.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line, and no summary.")] = False,
) -> None:
    """Show a line a letter, and in the end how many there are of each reason.

    The id is the letter's partition and offset in its own topic: `show` and `redrive` take it. The origin is where the
    record lies in the input. A letter waits until it is redriven, purged, or deleted by retention.

    Exit code 0, 2 for wrong arguments, 4 when Kafka does not answer or the topic does not exist.
    """
    from processor.cli import console, dead_letters_view
    from processor.kafka.letterbox import Letterbox, Marks

    choice = letter_options.chosen(None, reason, partition, since, until)
    box = Letterbox(console.settings())
    marks = Marks(box)
    marks.read_on()
    listing = dead_letters_view.Listing(marks, box.settings.topics.input, as_json=as_json)
    for letter in _some(box, marks, choice, limit):
        listing.show(letter)
    listing.end(limit)


def _some(box: "Letterbox", marks: "Marks", choice: "Choice", limit: int | None) -> "Iterator[Letter]":
    from itertools import islice

    lows = {p: low for p, (low, _) in box.bounds().items()}
    return islice(filter(choice.takes, box.letters(lows, marks.ends)), limit)


@dead_letters.command()
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it: 2:15.")],  # noqa: A002 (its name in help)
    raw: Annotated[bool, typer.Option("--raw", help="Write the value's bytes to stdout, and nothing else.")] = False,
) -> None:
    """Show a letter: why, where it came from, whether it was redriven, its headers, and its value.

    A value that was left out is fetched from the input, if it is still there. What a terminal could take
    for a command is shown as an escape; --raw writes what there is.

    Exit code 0, 2 for a malformed id, 4 when Kafka does not answer, 5 when there is no such letter, or, with --raw, no
    value of it.
    """
    import sys

    from processor.cli import console, dead_letters_view
    from processor.errors import Refused
    from processor.kafka.letterbox import Letterbox, Marks
    from processor.letters.choice import parse_id
    from processor.letters.lookup import look_up, whole_value

    wanted = parse_id(id)
    box = Letterbox(console.settings())
    letter = look_up(box, wanted)
    value = whole_value(box, letter)
    if raw:
        if value is None:
            raise Refused(f"the dead letter {wanted} has no value: {dead_letters_view.why_no_value(letter)}")
        sys.stdout.buffer.write(value)
        return
    marks = Marks(box)
    marks.read_on()
    dead_letters_view.show(letter, value, marks.returns.get(letter.origin), box.settings.topics.input)
