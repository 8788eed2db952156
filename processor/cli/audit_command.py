"""`data-processor audit`: whether every login was processed once, counted once and published."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(audit)


def audit(
    full: Annotated[bool, typer.Option("--full", help="Begin where counting began, not at the last audit.")] = False,
    no_baseline: Annotated[bool, typer.Option("--no-baseline", help="Leave no baseline for the next audit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Recompute everything from the input and compare it with the outputs, Redis and user-aggregations.

    It works while the pool does. When all is well it leaves a baseline in run_directory, from which the next audit goes
    on: so it stays possible when retention deletes the old input, and costs only what is new.

    Exit code 0 when everything is as the input says, 1 when something is not, 3 when neither the log nor a baseline
    reaches back far enough to know, 4 when Kafka or Redis does not answer or a shard is being restored, 5 when Redis
    holds counts of something else.
    """
    from processor.audit.audit import audit as run
    from processor.cli import audit_view, console
    from processor.cli.bars import bars

    settings = console.settings()
    with bars("records") as progress:
        report = run(settings, progress, full=full, leave=not no_baseline)
    if as_json:
        console.print_json(audit_view.as_json(settings, report))
    else:
        audit_view.show(settings, report)
    raise typer.Exit(audit_view.exit_code(report))
