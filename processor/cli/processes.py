"""The pool's processes, started without typer and rich: their import would cost each worker time and memory."""

import argparse
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from time import sleep
from types import FrameType

from msgspec import Struct

from processor import faults, log
from processor.claim import claimed
from processor.cli import console
from processor.config import secrets
from processor.errors import DataProcessorError, Exit
from processor.metrics.telling import telling
from processor.parent import die_with_parent, is_supervised
from processor.restraint import Restraint
from processor.settings import Settings

_LINGER_SECONDS = 10.0  # before a restart that can only fail again, where no restraint could be reached


class Process(Struct, frozen=True):
    """A process of the pool: what `run` does until SIGTERM, returning its exit code."""

    name: str
    purpose: str
    run: Callable[[Settings, argparse.Namespace, Restraint], int]
    role: str  # as which user of Kafka and Redis: "{role}" in the configuration
    has_slot: bool = False
    has_dry_run: bool = False


def _worker(settings: Settings, options: argparse.Namespace, restraint: Restraint) -> int:
    from processor.slot import Slot
    from processor.tidying import share_memory

    share_memory()
    return Slot(settings, options.slot, restraint).run()


def _flusher(settings: Settings, _options: argparse.Namespace, restraint: Restraint) -> int:
    from processor import flusher

    return flusher.run(settings, restraint)


def _exporter(settings: Settings, _options: argparse.Namespace, restraint: Restraint) -> int:
    from processor.exporter import run as exporter

    return exporter.run(settings, restraint)


def _scaler(settings: Settings, options: argparse.Namespace, restraint: Restraint) -> int:
    from processor import scaler

    return (scaler.explain if options.dry_run else scaler.run)(settings, restraint)


PROCESSES = {
    process.name: process
    for process in (
        Process("worker", "Process and count logins until SIGTERM.", _worker, "worker", has_slot=True),
        Process("flusher", "Publish counts and restore a lost Redis.", _flusher, "flusher"),
        Process("exporter", "Answer with this VM's metrics and health.", _exporter, "observer"),
        Process(
            "scaler", "Keep the right number of workers running on this host.", _scaler, "observer", has_dry_run=True
        ),
    )
}


def run(name: str, arguments: Sequence[str], config: str | None) -> int:
    """Run a process until it ends and return its exit code; what ended it is the last line of its log."""
    process = PROCESSES[name]
    options = _parser(process).parse_args(arguments)
    title = _title(process, options)
    die_with_parent(os.environ)
    faults.arm(os.environ)
    log.start(title)
    signal.signal(signal.SIGTERM, _leave)  # until the process has a handler of its own
    settings = restraint = None
    try:
        settings = console.loaded(Path(config) if config else None, process.role).settings
        log.hide(secrets.in_force(settings))
        with claimed(settings.run_directory, title), telling(settings.run_directory, title, name):
            restraint = Restraint(settings.run_directory, title)
            restraint.hold()
            code = process.run(settings, options, restraint)
            restraint.settled()
            return code
    except DataProcessorError as problem:
        log.error(console.explained(problem, settings, process.role), exit_code=int(problem.exit_code))
        if restraint is None and is_supervised(os.environ):
            sleep(_LINGER_SECONDS)
        return problem.exit_code
    except (SystemExit, KeyboardInterrupt):
        if restraint is not None:  # a person stopped it: the next start is no repetition
            restraint.settled()
        raise


def _title(process: Process, options: argparse.Namespace) -> str:
    """Its name in log and lock files; one that only tells what it would do stands beside the one that does it."""
    if process.has_slot:
        return f"{process.name}-{options.slot:02d}"
    return f"{process.name}-dry-run" if process.has_dry_run and options.dry_run else process.name


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(Exit.OK)


def _parser(process: Process) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"data-processor {process.name}", description=process.purpose, allow_abbrev=False
    )
    # main() has taken it out by now: it stands here for --help.
    parser.add_argument("--config", metavar="PATH", help="the TOML file to read")
    if process.has_slot:
        parser.add_argument(
            "--slot", type=_slot, required=True, metavar="N", help="0, 1, …: this process's place on its host"
        )
    if process.has_dry_run:
        parser.add_argument(
            "--dry-run", action="store_true", help="print each decision, one a line, and do nothing, until Ctrl-C"
        )
    return parser


def _slot(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 9999")
    return int(text)
