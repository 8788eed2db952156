"""`data-processor resume`: lets partitions go on that the breaker stopped."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from processor.counts.stopped import Notice, Notices

_PATIENCE_SECONDS = 10.0  # a worker looks every second


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(resume)


def resume(
    partitions: Annotated[list[int] | None, typer.Argument(metavar="PARTITION…", min=0)] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are stopped.")] = False,
) -> None:
    """Let partitions go on that were stopped because nearly all of their records are malformed.

    They are not stopped again before their records have been better once. (After a restart of its worker a partition
    goes on, too, but is stopped again when as many records more are malformed.)

    Exit code 0 when they go on, 1 when one is not stopped or its worker did not answer, 4 when Redis does not answer.
    """
    from processor.cli import console
    from processor.counts.connection import connect
    from processor.counts.stopped import Notices
    from processor.errors import Exit

    if bool(partitions) == everything:
        raise typer.BadParameter("say which partitions, or --all; `data-processor status` shows what is stopped")
    settings = console.settings()
    notices = Notices(connect(settings.redis, "data-processor-tool"), settings.redis.prefix)
    stopped = {p: notice for p, notice in notices.read().items() if notice is not None}
    chosen = sorted(stopped) if everything else list(dict.fromkeys(partitions or ()))
    if not chosen:
        print("No partition is stopped.")
    for partition in chosen:
        if partition in stopped:
            notices.answer(stopped[partition])
    went_on = [_goes_on(notices, partition, stopped.get(partition)) for partition in chosen]
    if not all(went_on):
        raise typer.Exit(Exit.DIFFERENCE)


def _goes_on(notices: "Notices", partition: int, notice: "Notice | None") -> bool:
    """Wait until its worker took notice, and say so."""
    from time import monotonic, sleep

    if notice is None:
        print(f"Partition {partition} is not stopped.")
        return False
    deadline = monotonic() + _PATIENCE_SECONDS
    while _waits(notices, notice):
        if monotonic() > deadline:
            print(f"Partition {partition}: {notice.worker} has not taken notice; it goes on as soon as that runs.")
            return False
        sleep(0.1)
    print(f"Partition {partition} goes on at offset {notice.stopped.offset}.")
    return True


def _waits(notices: "Notices", notice: "Notice") -> bool:
    found = notices.read().get(notice.stopped.partition)
    return found is not None and (found.worker, found.since) == (notice.worker, notice.since)
