"""`data-processor restore`: shards filled from user-aggregations by hand, or all counts divided anew."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from processor.recovery.plan import Plan
    from processor.recovery.reshard import Division
    from processor.settings import Settings


_NO_BASELINE = (
    "The audit's baseline of this host can't be used with the new shards: the next audit begins where counting began. "
    "An audit between the stop of the pool and this command would have left one that can."
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(restore)


def restore(  # noqa: PLR0913, PLR0917 (an argument an option)
    rebuild: Annotated[
        list[int] | None, typer.Option(metavar="SHARD", help="Fill this shard anew, though it looks sound; repeatable.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Also while the pool is alive.")] = False,
    shards: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Divide the counts into so many shards, under --to-prefix.")
    ] = None,
    to_prefix: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="The redis.prefix of the new shards: another one.")
    ] = None,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="With --shards: delete the old shards when the new ones are there.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what stands and what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as a JSON object.")] = False,
) -> None:
    """Fill shards of the counts from user-aggregations, as the flusher does for empty ones; or change their number.

    Without --shards: every shard that is empty or has lost something, and those that --rebuild names, is set back to
    what is published; the workers count the rest again when they run. A count that somebody changed and that was
    published since stays wrong: only `reset` counts everything anew.

    With --shards and --to-prefix: publishes all that is counted, writes it under the new prefix, divided anew, and
    switches; then redis.prefix and redis.shards must be set so, on all hosts. Interrupted, either the old or the new
    settings work, and the same command goes on.

    The pool must be stopped on all hosts, unless --live says that shards are to be filled beside it.

    Exit code 0 when done (or shown, with --dry-run, or nothing is to be done), 2 for wrong options, 4 when Kafka or
    Redis does not answer, 5 when the pool is alive, when counts would be lost, or when the answer was not yes.
    """
    import os

    from processor import faults
    from processor.cli import console
    from processor.errors import ConfigurationError

    if (shards is None) != (to_prefix is None) or (drop_old and shards is None):
        raise ConfigurationError("--shards and --to-prefix belong together, and --drop-old to them")
    faults.arm(os.environ)
    settings = console.settings()
    target = _target(settings, shards, to_prefix, beside=live or bool(rebuild))
    if target is not None:
        return _reshard(settings, target, drop_old=drop_old, dry_run=dry_run, yes=yes, as_json=as_json)
    return _rebuild(settings, rebuild or [], live=live, dry_run=dry_run, yes=yes, as_json=as_json)


def _target(settings: "Settings", shards: int | None, to_prefix: str | None, *, beside: bool) -> "Settings | None":
    """The settings as they are to be, checked; None where nothing is to be divided."""
    from msgspec.structs import replace

    from processor.config import contradictions
    from processor.errors import ConfigurationError

    if shards is None or to_prefix is None:
        return None
    if beside:
        raise ConfigurationError("--shards needs a pool that is stopped, and sound shards: not --live or --rebuild")
    target = replace(settings, redis=replace(settings.redis, shards=shards, prefix=to_prefix))
    contradictions.refuse(target, {"redis.shards": "option --shards", "redis.prefix": "option --to-prefix"})
    return target


def _rebuild(settings: "Settings", asked: list[int], *, live: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    from processor.cli.bars import bars
    from processor.recovery.rebuild import Rebuild

    process = Rebuild(settings, _remark)
    with bars("records") as progress:
        plan = process.plan(asked, progress.begin("reading what is published", None))
    _show(plan, as_json)
    if not plan.chosen:
        return _say("Nothing is to be done: no shard is empty or has lost anything.", as_json)
    if dry_run:
        alive = None if live else process.alive()
        return _say(f"Now it would be refused: {alive}; see --live." if alive else "", as_json)
    _ask("Fill them anew?", yes=yes)
    with bars("records") as progress:
        (process.run_live if live else process.run)(plan, progress.begin("restoring", None))
    return _say("Done. The workers count the rest when they run; `data-processor audit` tells.", as_json)


def _reshard(
    settings: "Settings", target: "Settings", *, drop_old: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    from msgspec import to_builtins

    from processor.cli import console
    from processor.cli.bars import bars
    from processor.recovery.reshard import Reshard

    process = Reshard(settings, target, _remark)
    plan = process.plan()
    if as_json:
        console.print_json(to_builtins(plan))
    _say(_division(plan), as_json)
    if dry_run:
        alive = process.alive()
        return _say(f"Now it would be refused: {alive}." if alive else "", as_json)
    _ask("Switch?", yes=yes)
    with bars("records") as progress:
        carried = process.run(progress.begin("restoring", None), drop=drop_old)
    _say(_afterwards(plan, dropped=drop_old), as_json)
    return _say(_NO_BASELINE if carried is False else "", as_json)


def _division(plan: "Division") -> str:
    if plan.switched:
        return f"An earlier run has switched to {plan.to_prefix} already: what it left is completed."
    return "\n".join(
        [
            *(f"Damaged: {what}: see `data-processor restore`." for what in plan.damaged),
            f"Counts of {plan.users:,} users in {plan.shards} shards under {plan.prefix} will be published, and "
            f"written to {plan.to_shards} shards under {plan.to_prefix}.",
        ]
    )


def _afterwards(plan: "Division", *, dropped: bool) -> str:
    old = (
        "The old counts are deleted; a mark stays that keeps workers with the old settings away."
        if dropped
        else f"The old keys stay until you delete them: redis-cli --scan --pattern '{{{plan.prefix}:*}}:*' | "
        "xargs -r redis-cli unlink"
    )
    return (
        f'Done. On all hosts, set redis.prefix = "{plan.to_prefix}" and redis.shards = {plan.to_shards}, then start '
        f"the pool.\n{old}"
    )


def _ask(question: str, *, yes: bool) -> None:
    from processor.cli import console

    if not yes:
        console.insist(question, otherwise="nothing was changed")


def _remark(said: str) -> None:
    import sys

    print(f"data-processor: {said}", file=sys.stderr, flush=True)


def _say(sentence: str, as_json: bool) -> None:
    if sentence and not as_json:
        print(sentence)


def _show(plan: "Plan", as_json: bool) -> None:
    from msgspec import to_builtins

    from processor.cli import console

    if as_json:
        console.print_json(to_builtins(plan, str_keys=True))
        return
    rows = [
        (each.shard, each.state, each.users, each.published, "yes" if each.rebuild else "no") for each in plan.shards
    ]
    console.print_table(["shard", "state", "users", "published", "fill anew"], rows)
    for lineage in dict.fromkeys(each.lineage for each in plan.shards if each.lineage is not None):
        print(f"Lineage: {lineage}.")
    if plan.chosen:
        print(f"{plan.again:,} records since the checkpoint will be counted again for them.")
