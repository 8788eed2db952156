"""A worker's memory: when garbage is collected, and where threads take it from."""

import ctypes
import gc
import time

from processor.clock import Clock

_EVERY_SECONDS = 60.0
_ARENAS = -8  # M_ARENA_MAX of malloc.h


def share_memory() -> None:
    """Have all threads allocate from one arena; to be called before there are any.

    What librdkafka's threads allocate, this one frees: with an arena a thread, pages stay behind in each (mallopt(3);
    4 % of a worker's CPU too). Without effect where the C library is not glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENAS, 1)


class Tidying:
    """Takes cyclic garbage collection over from Python.

    A batch is ten thousand records that die by their reference counts: Python looks through all of them again and
    again for cycles, and finds none (8 % of a worker's CPU). What a failure leaves behind, a traceback say, is in
    cycles; it is found here.
    """

    def __init__(self, clock: Clock = time) -> None:
        self._clock = clock
        self._due = 0.0

    def begin(self) -> None:
        """Never look again through what is there now: modules, clients, settings."""
        gc.disable()
        gc.collect()
        gc.freeze()
        self._due = self._clock.monotonic() + _EVERY_SECONDS

    def turn(self) -> None:
        """Between two batches: collect, when a minute has passed."""
        if self._clock.monotonic() >= self._due:
            gc.collect()
            self._due = self._clock.monotonic() + _EVERY_SECONDS
