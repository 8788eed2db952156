"""On the path of a worker under measurement: adds up the CPU of all that it does for metrics, and says so at its end.

The clock is read twice a call, which is added to what it measures.
"""

import atexit
import functools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from time import thread_time
from typing import Any

from processor import tally
from processor.kafka import phases, queued
from processor.metrics import meter, telling

_SPENT: dict[str, float] = {}
_INSIDE = threading.local()


def _timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def timed(*arguments: Any, **named: Any) -> Any:
        if getattr(_INSIDE, "call", False):
            return call(*arguments, **named)
        _INSIDE.call, began = True, thread_time()
        try:
            return call(*arguments, **named)
        finally:
            _SPENT[name] = _SPENT.get(name, 0.0) + thread_time() - began
            _INSIDE.call = False

    return timed


for module, names in (
    (meter, ("add", "put", "observe", "spent", "polled")),
    (tally, ("processed", "idle")),
    (queued, ("queued",)),
    (phases.Phases, ("__init__", "over", "committed")),
    (telling._Telling, ("_tell", "__init__")),
):
    for name in names:
        setattr(module, name, _timed(name, getattr(module, name)))

if "METRICS_TIMED" in os.environ:
    atexit.register(lambda: Path(os.environ["METRICS_TIMED"]).write_text(str(sum(_SPENT.values()))))
