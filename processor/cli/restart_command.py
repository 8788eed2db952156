"""`data-processor restart`: restarts what runs on this host; rolling, so that the pool goes on meanwhile."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(restart)


def restart(
    rolling: Annotated[
        bool, typer.Option("--rolling", help="One at a time, each when the one before has gone on.")
    ] = False,
    patience: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="For each process.")] = 120.0,
) -> None:
    """Restart the processes of this host that run: they drain first, and nothing is lost or repeated.

    With --rolling, a worker is restarted only when the one before it is back in the group and all partitions that it
    had make progress, or have nothing to do; on several hosts run it on one after the other. Without it, all at once:
    logins wait for some seconds. What is stopped stays stopped. The scaler changes nothing meanwhile.

    Exit code 0 when all are back, 4 when supervisord, Kafka or Redis does not answer, 6 when another restart is under
    way, 8 when a process did not come back or makes no progress: what follows it was not restarted.
    """
    from pathlib import Path

    from processor.claim import claimed
    from processor.cli import console
    from processor.counts.connection import connect
    from processor.pool_view import PoolView
    from processor.restarting import LOCK, Restarting
    from processor.supervision.supervisor import Supervisor

    settings = console.settings()
    supervisor = Supervisor(Path(settings.supervisor_socket))
    restarting = Restarting(supervisor, settings.host, patience, lambda line: print(line, flush=True))
    with claimed(settings.run_directory, LOCK):
        if rolling:
            restarting.rolling(PoolView(settings, connect(settings.redis, "data-processor-tool")))
        else:
            restarting.at_once()
