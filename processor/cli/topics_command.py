"""`data-processor topics create | check`: the four topics as the settings want them."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from processor.kafka.topics import Drift

Json = Annotated[bool, typer.Option("--json", help="Print a JSON object.")]

topics = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(topics, name="topics", help="Create the topics, or check that they are as the settings say.")


@topics.command()
def create(as_json: Json = False) -> None:
    """Create the topics that do not exist; those that do are left as they are, and what is wrong with them is said.

    Exit code 0 when all four exist afterwards, whatever they are like: see `check`.
    """
    from processor.cli import console
    from processor.kafka import topics as kafka_topics
    from processor.kafka.cluster import Cluster

    settings = console.settings()
    cluster = Cluster(settings)
    created = kafka_topics.create(settings, cluster)
    existed = [plan for plan in kafka_topics.plans(settings) if plan.name not in created]
    drifts = kafka_topics.drifts(settings, cluster, existed)
    if as_json:
        console.print_json({"created": created, "existed": [p.name for p in existed], "drifts": _plain(drifts)})
        return
    for plan in kafka_topics.plans(settings):
        print(f"{plan.name}: {f'created, {plan.partitions} partitions' if plan.name in created else 'exists'}")
    _complain(drifts)


@topics.command()
def check(as_json: Json = False) -> None:
    """Name each difference between the topics and the settings.

    Exit code 0 when there is none, 1 when there is one, 4 when Kafka does not answer.
    """
    from processor.cli import console
    from processor.errors import Exit
    from processor.kafka import topics as kafka_topics
    from processor.kafka.cluster import Cluster

    settings = console.settings()
    drifts = kafka_topics.drifts(settings, Cluster(settings))
    if as_json:
        console.print_json({"ok": not drifts, "drifts": _plain(drifts)})
    elif not drifts:
        print("The topics are as the settings say.")
    else:
        _complain(drifts)
    if drifts:
        raise typer.Exit(Exit.DIFFERENCE)


def _plain(drifts: "list[Drift]") -> list[dict[str, str]]:
    return [{"topic": drift.topic, "problem": drift.problem} for drift in drifts]


def _complain(drifts: "list[Drift]") -> None:
    for drift in drifts:
        print(f"{drift.topic}: {drift.problem}")
