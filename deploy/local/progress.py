"""What a person sees while something takes its time: a line that ends with how long it took."""

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TICK_SECONDS = 0.5


@contextmanager
def step(title: str, log: Path | None = None) -> Iterator[None]:
    """Show `title` while the body works, with the seconds and the log's last line where the output is a terminal."""
    started = time.monotonic()
    done = threading.Event()
    ticker = threading.Thread(target=_tick, args=(title, log, started, done), daemon=True)
    ticker.start()
    outcome = "failed after"
    try:
        yield
        outcome = "done in"
    finally:
        done.set()
        ticker.join()
        _show(f"  {title}: {outcome} {time.monotonic() - started:.1f} s", end="\n")


def _tick(title: str, log: Path | None, started: float, done: threading.Event) -> None:
    if not sys.stdout.isatty():
        return
    while not done.wait(TICK_SECONDS):
        _show(f"  {title} ... {time.monotonic() - started:.0f} s  {_last_line(log)}", end="")


def _show(text: str, end: str) -> None:
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        text = f"\r{text[:width]:<{width}}"
    print(text, end=end, flush=True)


def _last_line(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 2000))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
