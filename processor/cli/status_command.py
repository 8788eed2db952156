"""`data-processor status`: whether the pool is healthy, and if not, where."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from processor.status.gather import Observer

_EVERY_SECONDS = 2.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every two seconds, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; with --watch one document a line.")] = False,
) -> None:
    """Show each partition's owner, end, lags and rate; the shards, the flusher and dead letters; and what is wrong.

    lag: not yet processed; counted: not yet counted in Redis; published: not yet in user-aggregations. Where whoever
    writes the logins does so in transactions, a small lag may stay: markers, and what was aborted, are no logins.

    Exit code 0 when healthy, 1 when not, 4 when Kafka or Redis does not answer.
    """
    from processor.cli import console
    from processor.status.gather import Observer

    observer = Observer(console.settings())
    if watch:
        _watch(observer, as_json)
    else:
        observer.settle()
        _print(observer, as_json)
        raise typer.Exit(_exit_code(observer))


def _watch(observer: "Observer", as_json: bool) -> None:
    from rich.console import Console
    from rich.live import Live

    from processor.cli.status_view import view
    from processor.stop import Stop

    console = Console()
    stop = Stop(lambda: None)  # a KeyboardInterrupt raised inside one of librdkafka's callbacks would be lost
    observer.settle()
    if as_json or not console.is_terminal:
        while not stop.asked:
            _print(observer, as_json, indent=None)
            stop.wait(_EVERY_SECONDS)
            observer.look()
    else:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while not stop.asked:
                live.update(view(observer.picture, observer.health, observer.problems, console.height), refresh=True)
                stop.wait(_EVERY_SECONDS)
                observer.look()
    raise KeyboardInterrupt


def _print(observer: "Observer", as_json: bool, indent: int | None = 2) -> None:
    from rich.console import Console

    from processor.cli.status_view import view

    if as_json:
        import json

        print(json.dumps(_plain(observer), indent=indent), flush=True)
        return
    console = Console(soft_wrap=True)
    height = console.height if console.is_terminal else None
    if not console.is_terminal:
        console.width = 10_000  # nothing is cut off
    console.print(view(observer.picture, observer.health, observer.problems, height))


def _plain(observer: "Observer") -> dict[str, Any]:
    from msgspec import to_builtins

    seen: dict[str, Any] = to_builtins(observer.picture)
    return {"health": observer.health.value, "problems": to_builtins(observer.problems), **seen}


def _exit_code(observer: "Observer") -> int:
    from processor.errors import Exit
    from processor.status.health import Health

    codes = {Health.HEALTHY: Exit.OK, Health.UNHEALTHY: Exit.DIFFERENCE, Health.UNREACHABLE: Exit.UNAVAILABLE}
    return codes[observer.health]
