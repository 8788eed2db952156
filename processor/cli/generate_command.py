"""`data-processor generate`: made-up logins into the input topic."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(generate)


def generate(  # noqa: PLR0913, PLR0917 (its options)
    logins: Annotated[int | None, typer.Option(metavar="N", min=1, help="How many.")] = None,
    seconds: Annotated[float | None, typer.Option(metavar="SECONDS", min=0.1, help="Or for how long.")] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="RATE", min=0.1, help="Logins a second; otherwise as fast as it goes.")
    ] = None,
    users: Annotated[int, typer.Option(metavar="N", min=1, max=1_000_000_000, help="How many users there are.")] = 1000,
    skew: Annotated[
        float,
        typer.Option(metavar="EXPONENT", min=0, max=5, help="How unlike they are: 0 all alike, 1 as in Zipf's law."),
    ] = 1.0,
    malformed: Annotated[float, typer.Option(metavar="SHARE", min=0, max=1, help="Share that are no logins.")] = 0.0,
    seed: Annotated[int, typer.Option(metavar="SEED", help="The same seed and options make the same bytes.")] = 1,
) -> None:
    """Write made-up logins to the input topic, --logins of them or for --seconds.

    Exit code 0 when Kafka has acknowledged all, 4 when it does not answer or the topic does not exist.
    """
    from processor.cli import console, feeding
    from processor.logins.generated import Recipe, records

    if (logins is None) == (seconds is None):
        raise typer.BadParameter(
            "say either how many logins or for how many seconds", param_hint="--logins / --seconds"
        )
    settings = console.settings()
    amount = round(seconds * rate) if seconds and rate else logins
    chunks = feeding.limited(records(Recipe(seed, users, skew, malformed)), amount, seconds)
    feeding.send(settings, feeding.paced(chunks, rate) if rate else chunks, feeding.bar("logins", amount))
