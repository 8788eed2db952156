"""The real worker's process with its stages timed; SIGUSR1 has it write what they took so far to a file.

python -m benchmarks.staged_worker FILE --slot 0
"""

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import confluent_kafka

from benchmarks.rig.stopwatch import Stopwatch

APPLY = "count: apply, in its own thread"
REST = "rest of the turn"
STAGES = {
    "consume": "processor.kafka.source:Source.poll",
    "divide by partition": "processor.worker:parts",
    "decode, process, encode": "processor.logins.judge:process",
    "judge: keys, headers, sizes": "processor.logins.judge:Judge.judge",
    "produce: messages": "processor.kafka.output:Output._produce",
    "transaction": "processor.kafka.output:Output.write",
    "count: pile up": "processor.counting:Counting.add",
    "count: call": "processor.counting:Counting.turn",
    APPLY: "processor.counts.store:CountStore.apply",
    REST: "processor.worker:Worker.turn",
}
CLIENT = {
    "produce: client": "produce_batch",
    "offsets": "send_offsets_to_transaction",
    "commit": "commit_transaction",
}
"""What the C client's producer does, whose methods can't be replaced, only overridden."""


def watch(stopwatch: Stopwatch) -> None:
    """Wrap all stages where the worker will find them."""
    from processor.kafka import output  # noqa: PLC0415 (as the process itself, after its start)

    for stage, target in STAGES.items():
        stopwatch.wrap(stage, target)
    producer = confluent_kafka.Producer
    methods: dict[str, Any] = {name: stopwatch.timed(stage, getattr(producer, name)) for stage, name in CLIENT.items()}
    vars(output)["Producer"] = type("Producer", (producer,), methods)


def main(arguments: Sequence[str]) -> int:
    """Run the worker of these arguments until SIGTERM."""
    from processor.cli import processes  # noqa: PLC0415

    path, *own = arguments
    stopwatch = Stopwatch()
    watch(stopwatch)
    signal.signal(signal.SIGUSR1, lambda *_: _write(Path(path), stopwatch))
    return processes.run("worker", own, None)


def _write(path: Path, stopwatch: Stopwatch) -> None:
    """Write it whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"cpu": stopwatch.cpu, "elapsed": stopwatch.elapsed}))
    partial.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
