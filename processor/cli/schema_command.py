"""`data-processor schema`: the JSON Schema of a message, made from the code that reads or writes it."""

from typing import Annotated, Literal

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(schema)


def schema(
    message: Annotated[
        Literal["login", "processed", "aggregation"],
        typer.Argument(help="login: user-login; processed: processed-logins; aggregation: user-aggregations."),
    ],
) -> None:
    """Print the JSON Schema of a topic's messages."""
    from processor.cli import console
    from processor.logins.schema import json_schema

    console.print_json(json_schema(message))
