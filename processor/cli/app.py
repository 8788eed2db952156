"""The tools' command line. A new group of commands is a file with `register(app)`, named twice below.

Such a file imports typer at its top and everything else inside its functions: `--help` reads all of them.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from processor.cli import (
    acls_command,
    audit_command,
    config_command,
    counts_command,
    dead_letters_command,
    doctor_command,
    explain_command,
    forget_command,
    generate_command,
    load_command,
    metrics_command,
    processes,
    reset_command,
    restart_command,
    restore_command,
    resume_command,
    schema_command,
    status_command,
    topics_command,
)

GROUPS = (
    config_command,
    schema_command,
    topics_command,
    acls_command,
    status_command,
    doctor_command,
    generate_command,
    load_command,
    metrics_command,
    counts_command,
    audit_command,
    explain_command,
    forget_command,
    dead_letters_command,
    reset_command,
    restart_command,
    restore_command,
    resume_command,
)

app = typer.Typer(
    help="Processes every login exactly once and counts it exactly once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help needs no rich, which takes longer to import than all else
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"data-processor {version('data-processor')}")
        except PackageNotFoundError:
            print("data-processor, from a checkout that is not installed")
        raise typer.Exit


@app.callback()
def _options(
    config: Annotated[
        Path | None,
        typer.Option(
            help="The TOML file to read; otherwise $DATA_PROCESSOR_CONFIG, or ./data-processor.toml.", metavar="PATH"
        ),
    ] = None,
    version: Annotated[  # noqa: ARG001 (its callback does all)
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    if config:
        os.environ["DATA_PROCESSOR_CONFIG"] = str(config)


def _list_process(process: processes.Process) -> None:
    """Show a process in --help; main() starts it before this app is ever imported."""

    @app.command(process.name, help=process.purpose)
    def _never_called() -> None: ...


for _process in processes.PROCESSES.values():
    _list_process(_process)
for _group in GROUPS:
    _group.register(app)
