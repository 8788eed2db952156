"""What `up` shows while the pool works, drawn inside `.venv` with the project's own code."""

import sys
import time
from collections.abc import Iterator

from rich.console import Console
from rich.live import Live

from processor.cli import console as command
from processor.cli.status_view import view
from processor.errors import DataProcessorError
from processor.status.gather import Observer
from processor.status.health import Health
from processor.status.picture import Picture
from processor.status.rows import Partition

LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 90.0  # without any progress; a first start takes some seconds, and a flush comes every few


def caught_up(partition: Partition) -> bool:
    """Tell whether processed, counted and published have reached the end, but for a transaction marker there."""
    lags = (partition.committed_lag, partition.counted_lag, partition.published_lag)
    return all(lag is not None and lag <= 1 for lag in lags)


def at_rest(seen: Picture) -> bool:
    """Tell whether there is nothing left to do."""
    return bool(seen.partitions) and all(map(caught_up, seen.partitions))


def looks(observer: Observer) -> Iterator[None]:
    """Look about once a second until the pool is healthy and at rest, or has not moved for too long."""
    moved, before = time.monotonic(), observer.picture
    while time.monotonic() - moved < PATIENCE_SECONDS:
        observer.look()
        yield
        if observer.health is Health.HEALTHY and at_rest(observer.picture):
            return
        if [lags(row) for row in observer.picture.partitions] != [lags(row) for row in before.partitions]:
            moved, before = time.monotonic(), observer.picture
        time.sleep(LOOK_SECONDS)


def lags(partition: Partition) -> tuple[int, int | None, int]:
    """What moves while a pool works."""
    return partition.committed_lag, partition.counted_lag, partition.published_lag


def summary(seen: Picture) -> str:
    """One line of what the pool has done."""
    processed = sum(row.end - row.committed_lag for row in seen.partitions)
    users = sum(shard.users for shard in seen.shards)
    letters = seen.dead_letters.records if seen.dead_letters else 0
    return f"{processed:,} records processed, {users:,} users counted, {letters:,} dead letters."


def main() -> int:
    """Draw until it is done; exit code 1 when the pool is not healthy or does not get on."""
    terminal = Console()
    observer = Observer(command.settings())
    with Live(console=terminal, auto_refresh=False) as live:
        for _ in looks(observer):
            live.update(view(observer.picture, observer.health, observer.problems, terminal.height), refresh=True)
    done = observer.health is Health.HEALTHY and at_rest(observer.picture)
    terminal.print(f"\n{summary(observer.picture)}" if done else "\nThe pool does not get on.", highlight=False)
    return 0 if done else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DataProcessorError as problem:
        print(problem, file=sys.stderr)
        sys.exit(problem.exit_code)
