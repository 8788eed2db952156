"""A feeder in a process of its own that sends so many logins a second, whether or not anybody keeps up."""

import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing.synchronize import Barrier, Event
from typing import Any

from confluent_kafka import Producer
from msgspec import Struct

from benchmarks.rig.child import orphaned
from benchmarks.rig.failed import Failed
from benchmarks.rig.positions import Positions
from benchmarks.rig.stamped import stamped, templates
from processor.kafka.quiet import QUIET
from processor.logins.generated import Recipe

_TICK_SECONDS = 0.004
_TEMPLATES = 50_000
_LOOK_SECONDS = 0.03
_SENDING: dict[str, Any] = {
    "compression.type": "lz4",
    "partitioner": "murmur2_random",  # as Java producers
    "linger.ms": 1,
    "queue.buffering.max.messages": 500_000,
    "delivery.report.only.error": True,
    "enable.idempotence": True,
    "logger": QUIET,
}


class Sent(Struct, frozen=True):
    """What a feeder did."""

    logins: int
    late_ms: float  # the longest that it was behind its own pace: then the machine has no core left for it


class Target(Struct, frozen=True):
    """Where logins go, and the group that is measured."""

    bootstrap: str
    topic: str
    group: str
    recipe: Recipe


def send(target: Target, rate: float, ready: Barrier, stop: Event) -> Sent:
    """Send so many a second until told to stop."""
    feeder = _Feeder(target)
    ready.wait()
    began = time.monotonic()
    return feeder.run(lambda sent: int((time.monotonic() - began) * rate) - sent, rate, stop)


def keep_ahead(target: Target, logins: int, ready: Barrier, stop: Event) -> Sent:
    """Keep so many waiting for the group until told to stop, so that it is always busy and the log never long."""
    feeder = _Feeder(target)
    with closing(Positions(target.bootstrap, target.group, target.topic)) as positions:
        ahead = _Ahead(positions, logins)
        ready.wait()
        return feeder.run(ahead.due, float("inf"), stop)


class _Ahead:
    def __init__(self, positions: Positions, logins: int) -> None:
        self._positions = positions
        self._logins = logins
        self._base = self._done = positions.sum()
        self._looked = time.monotonic()

    def due(self, sent: int) -> int:
        """How many may follow."""
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._done, self._looked = max(self._done, self._positions.sum()), time.monotonic()
        return self._logins - (sent - (self._done - self._base))


class _Feeder:
    def __init__(self, target: Target) -> None:
        self._topic = target.topic
        self._templates = templates(target.recipe, _TEMPLATES)
        self._producer = Producer({**_SENDING, "bootstrap.servers": target.bootstrap})
        self._producer.list_topics(target.topic, 10)  # so that the first logins do not wait for it

    def run(self, due: Callable[[int], int], rate: float, stop: Event) -> Sent:
        sent, late = 0, 0.0
        while not stop.is_set() and not orphaned():
            if (owed := due(sent)) > 0:
                late = max(late, owed / rate - _TICK_SECONDS)
                sent += self._produce(sent, owed)
            self._producer.poll(0)
            time.sleep(_TICK_SECONDS)
        if self._producer.flush(60):
            raise Failed(f"{self._topic}: {len(self._producer)} logins were not acknowledged within a minute")
        return Sent(sent, late * 1000)

    def _produce(self, sent: int, owed: int) -> int:
        """Send the next ones, round and round, and say how many: at most each once."""
        at = sent % len(self._templates)
        turn = self._templates[at : at + owed]
        messages = stamped(turn, time.time_ns())
        if self._producer.produce_batch(self._topic, messages) != len(messages):
            refused = next(message for message in messages if "_error" in message)
            raise Failed(f"Kafka does not keep up with the feeder: {refused['_error']!s}")
        return len(turn)
