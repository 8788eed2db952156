"""`data-processor doctor`: everything between installed and healthy, and what to do next."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from processor.doctor.finding import Finding


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object: all findings, and the next step.")
    ] = False,
) -> None:
    """Check this machine, Kafka, Redis, supervisord and the pool, a line each; the last line says what to do next.

    Run it as the user that the pool runs as. It changes nothing. What can't be looked at is named as unknown: no broker
    tells its clock, or who may use a transactional id.

    Exit code 0 when nothing is wrong (there may be warnings), 1 when something is, 4 when Kafka or Redis does not
    answer.
    """
    from msgspec import to_builtins

    from processor.cli import console
    from processor.doctor import examination
    from processor.doctor.finding import next_step

    loaded = console.loaded()
    found = examination.findings(loaded.settings, loaded.origins)
    findings = list(found if as_json else _told(found))
    if as_json:
        console.print_json({"next": next_step(findings), "findings": to_builtins(findings)})
    else:
        print(f"next: {next_step(findings)}" if next_step(findings) else "All is well.")
    raise typer.Exit(_exit_code(findings))


def _told(findings: "Iterable[Finding]") -> "Iterable[Finding]":
    """Print each one as soon as it is known: a system that does not answer takes its time."""
    from rich.console import Console
    from rich.text import Text

    from processor.doctor.finding import Level

    styles = {Level.OK: "green", Level.UNKNOWN: "dim", Level.WARNING: "yellow", Level.WRONG: "bold red"}
    console = Console(soft_wrap=True, highlight=False)
    for finding in findings:
        line = Text(f"{finding.level.value:<8}", styles[finding.level])
        advice = f": {finding.advice}" if finding.advice else ""
        console.print(line + Text(f"{finding.area:<13} {finding.what}{advice}"))
        yield finding


def _exit_code(findings: "Iterable[Finding]") -> int:
    from processor.doctor.finding import Level
    from processor.errors import Exit

    if any(finding.down for finding in findings):
        return Exit.UNAVAILABLE
    return Exit.DIFFERENCE if any(finding.level is Level.WRONG for finding in findings) else Exit.OK
