"""`data-processor acls print | apply | check | passwords`: who may do what in Kafka, by least rights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from processor.kafka.acls import Difference
    from processor.kafka.rights import Right

Json = Annotated[bool, typer.Option("--json", help="Print a JSON object.")]

acls = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(acls, name="acls", help="The rights in Kafka of each role: print, give, or compare them.")


@acls.command("print")
def show(
    commands: Annotated[bool, typer.Option("--commands", help="As options of kafka-acls.sh, one line each.")] = False,
    as_json: Json = False,
) -> None:
    """Print the rights that each role needs: worker, flusher, observer (scaler, exporter), operator, producer."""
    from processor.cli import console
    from processor.kafka.rights import rights

    wanted = rights(console.settings())
    if as_json:
        console.print_json({"rights": [_plain(right) for right in wanted]})
    elif commands:
        print("\n".join(right.command() for right in wanted))
    else:
        rows = [(one.user, one.operation, one.kind, f"{one.name}{'*' if one.prefixed else ''}") for one in wanted]
        console.print_table(["user", "may", "on", "named"], rows)


@acls.command()
def apply(
    keep: Annotated[bool, typer.Option("--keep", help="Take nothing away.")] = False, as_json: Json = False
) -> None:
    """Give each role what it lacks, and take away what it does not need; needs a user who may (ALTER on the cluster).

    What is given by host, to everybody, or denied, was given by a person and stays: it is named, with exit code 1.
    """
    from processor.cli import console
    from processor.errors import Exit
    from processor.kafka import acls as given
    from processor.kafka.cluster import Cluster

    cluster = Cluster(console.settings())
    found = given.difference(cluster)
    given.give(cluster, found.lacking)
    if not keep:
        given.take(cluster, found.excessive)
    taken = [] if keep else found.excessive
    if as_json:
        console.print_json({"given": [_plain(r) for r in found.lacking], "taken": [_plain(r) for r in taken]})
    else:
        _say([*(f"given: {right}" for right in found.lacking), *(f"taken away: {right}" for right in taken)])
        _say([f"left as it is: {strange}" for strange in found.strange])
    if found.strange:
        raise typer.Exit(Exit.DIFFERENCE)


@acls.command()
def check(as_json: Json = False) -> None:
    """Name each right that a role lacks or has in excess; needs a user who may see them (DESCRIBE on the cluster).

    Exit code 0 when there is none, 1 when there is one, 4 when Kafka does not answer, 5 when this user may not ask.
    """
    from processor.cli import console
    from processor.errors import Exit
    from processor.kafka import acls as given
    from processor.kafka.cluster import Cluster

    found = given.difference(Cluster(console.settings()))
    if as_json:
        console.print_json(_all(found))
    elif found.is_none:
        print("Each role has the rights that it needs, and no others.")
    else:
        _say([f"lacking: {right}" for right in found.lacking])
        _say([f"excessive: {one}" for one in (*found.excessive, *found.strange)])
        print("`data-processor acls apply` gives and takes them.")
    if not found.is_none:
        raise typer.Exit(Exit.DIFFERENCE)


@acls.command()
def passwords(
    folder: Annotated[Path, typer.Argument(help="With a file for each role: worker, flusher, observer, …")],
    only: Annotated[list[str] | None, typer.Option("--only", metavar="ROLE", help="Only these.")] = None,
) -> None:
    """Have Kafka take the passwords (SCRAM-SHA-512) that are in these files; where one is missing, it is made up.

    To change one, run this with --only ROLE and the new one in a folder of its own, and write it to the role's file on
    all hosts at once after: processes take it within seconds, without a restart. In between, connections that are
    there stay; one that has to log in is refused, which its log says, and tries again until the file is the new one. A
    transaction that waits for this for longer than 25 s ends its worker: a clean one goes on.
    """
    from processor.cli import console
    from processor.config import secrets
    from processor.errors import ConfigurationError
    from processor.kafka import acls as given
    from processor.kafka.cluster import Cluster
    from processor.kafka.rights import ROLES

    roles = only or list(ROLES)
    if unknown := set(roles) - set(ROLES):
        raise ConfigurationError(f"no role is called {sorted(unknown)[0]}: there are {', '.join(ROLES)}")
    cluster = Cluster(console.settings())
    for role in roles:
        file = folder / role
        if not file.exists():
            secrets.make_up(file)
        given.set_password(cluster, role, secrets.read(str(file), role, "acls passwords"))
        print(f"{role}: {file}")


def _plain(right: "Right") -> dict[str, Any]:
    import msgspec

    return dict(msgspec.to_builtins(right))


def _all(found: "Difference") -> dict[str, Any]:
    import msgspec

    return {"ok": found.is_none, **msgspec.to_builtins(found)}


def _say(lines: list[str]) -> None:
    for line in lines:
        print(line)
