"""What `generate` and `load` share: at what pace chunks go to the input topic, the bar, and what is said at the end."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from processor.cli import console
from processor.clock import Clock
from processor.kafka.cluster import Cluster
from processor.kafka.feed import Feed, Keyed, too_large
from processor.settings import Settings

_TICK_SECONDS = 0.02

Chunk = Sequence[Keyed]
Progress = Callable[[int], None]  # is told how many records Kafka has
Said = Callable[[], str]


def limited(blocks: Iterable[Chunk], amount: int | None, seconds: float | None) -> Iterable[Chunk]:
    """So many records, or else as many as there are in so many seconds."""
    if amount is not None:
        return cut(blocks, amount)
    return blocks if seconds is None else until(blocks, seconds)


def cut(blocks: Iterable[Chunk], amount: int) -> Iterator[Chunk]:
    """Yield blocks until so many records are out."""
    for block in blocks:
        yield block[:amount]
        amount -= len(block)
        if amount <= 0:
            return


def until(blocks: Iterable[Chunk], seconds: float, clock: Clock = time) -> Iterator[Chunk]:
    """Yield blocks for so long."""
    end = clock.monotonic() + seconds
    for block in blocks:
        if clock.monotonic() >= end:
            return
        yield block


def paced(blocks: Iterable[Chunk], rate: float, clock: Clock = time) -> Iterator[Chunk]:
    """Yield as many records a second, a little at a time; what a stall delayed follows at once."""
    began, out = clock.monotonic(), 0
    for block in blocks:
        left = block
        while left:
            due = int((clock.monotonic() - began) * rate) - out
            if due > 0:
                yield left[:due]
                out, left = out + len(left[:due]), left[due:]
            else:
                clock.sleep(_TICK_SECONDS)


def send(settings: Settings, chunks: Iterable[Chunk], bar: AbstractContextManager[Progress], more: Said = str) -> None:
    """Send all chunks, and say how many records were delivered, and `more`, also when something went wrong.

    A record that is too large is left out, and Refused is raised in the end; anything else that goes wrong ends it.
    Raises Unavailable when the topic does not exist.
    """
    Cluster(settings).partitions(settings.topics.input)
    feed = Feed(settings, "data-processor-feed")
    try:
        with bar as progress:
            _pour(feed, chunks, progress)
    finally:
        print(f"delivered to {settings.topics.input}: {feed.delivered:,}{more()}", flush=True)
    if feed.problem:
        raise feed.problem
    if feed.too_large:
        raise too_large(settings, feed.too_large)


def _pour(feed: Feed, chunks: Iterable[Chunk], progress: Progress) -> None:
    try:
        for chunk in chunks:
            feed.send(chunk)
            progress(feed.delivered)
            if feed.problem:
                return
    finally:  # after Ctrl-C, too: what is on its way arrives
        feed.finish()
        progress(feed.delivered)


@contextmanager
def bar(unit: str, total: int | None, done: Callable[[], int] | None = None) -> Iterator[Progress]:
    """Draw a bar on a terminal, nothing elsewhere; `done` tells how far it is, by default the records delivered."""
    if not sys.stderr.isatty():
        yield lambda _delivered: None
        return
    with console.progress(unit) as bars:
        task = bars.add_task("delivered", total=total)
        yield lambda delivered: bars.update(task, completed=done() if done else delivered)
