"""The command line. Processes (processes.py) start by hand, without typer and rich; all else is an app (app.py)."""

import sys
from collections.abc import Sequence

from processor.errors import DataProcessorError

INTERRUPTED = 130  # as shells report a program that SIGINT ended


def main() -> None:
    """Run `data-processor`; a failure that a person can mend is one line on stderr, never a traceback."""
    try:
        sys.exit(_run(*_without_config(sys.argv[1:])))
    except DataProcessorError as problem:
        sys.stdout.flush()
        print(f"data-processor: {_told(problem)}", file=sys.stderr)
        sys.exit(problem.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _run(config: str | None, arguments: list[str]) -> int:
    from processor.cli import processes

    if arguments and arguments[0] in processes.PROCESSES:
        return processes.run(arguments[0], arguments[1:], config)
    from processor.cli.app import app

    app([*([] if config is None else ["--config", config]), *arguments], prog_name="data-processor")
    return 0


def _told(problem: DataProcessorError) -> str:
    from processor.cli import console

    return console.explained(problem)


def _without_config(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Take --config out, wherever it stands: people write it after the command as well as before it."""
    config: str | None = None
    rest: list[str] = []
    waiting = list(arguments)
    while waiting and waiting[0] != "--":
        word = waiting.pop(0)
        if word == "--config" and waiting:
            config = waiting.pop(0)
        elif word.startswith("--config="):
            config = word.removeprefix("--config=")
        else:
            rest.append(word)
    return config, rest + waiting
