"""Partitions that nobody in the pool's group has though it is at rest: found, and divided anew, in their own process.

A static member that ends amidst a cooperative rebalance can leave a partition to nobody. It had said that it has two,
and was to give one up; who comes back under its name has none, and so gives none up. The coordinator divides nothing
anew for a static member that comes back (KIP-345), so the partition waits until somebody else comes or is missed.
"""

import os
import sys
from time import monotonic, sleep

from confluent_kafka import Consumer, Message
from msgspec import json

from processor.errors import DataProcessorError, Exit, Unavailable
from processor.kafka import members
from processor.kafka.client import REQUEST_SECONDS, admin, consumer_properties, failure, is_final, translated
from processor.kafka.denied import explained
from processor.parent import end_with_parent
from processor.settings import Settings

_AGAIN_SECONDS = 5.0  # until the second look: a rebalance in two steps is at rest between them, for a moment
_VISIT_SECONDS = 60.0


def unowned(group: members.Group, partitions: int) -> set[int]:
    """Which partitions have no owner; none where the group divides them just now, or has nobody to own them."""
    if group.state != "stable" or not group.members:
        return set()
    return set(range(partitions)) - {partition for each in group.members for partition in each.partitions}


def look(settings: Settings) -> set[int]:
    """Which partitions have no owner now; raises what `members.ask` does."""
    topic = settings.topics.input
    group = members.ask(settings)
    with translated(f"counting the partitions of {topic}"):
        found = admin(settings).list_topics(topic, REQUEST_SECONDS).topics[topic]
    return unowned(group, len(found.partitions))


def visit(settings: Settings) -> None:
    """Join the group and leave it: for who joins, and for who leaves unless static, everything is divided anew.

    Raises Unavailable when it is given no place within a minute. It takes nothing and commits nothing.
    """
    joined: list[object] = []
    with translated(f"visiting group {settings.group}"):
        visitor = Consumer(consumer_properties(settings, f"{settings.host}-visitor", settings.group))
        try:
            visitor.subscribe([settings.topics.input], on_assign=lambda *given: joined.append(given))
            deadline = monotonic() + _VISIT_SECONDS
            while not joined and monotonic() < deadline:
                _hear(settings, visitor.poll(0.1))
        finally:
            visitor.close()
    if not joined:
        raise Unavailable(f"Kafka: group {settings.group} took nobody in within {_VISIT_SECONDS:.0f} s")


def _hear(settings: Settings, message: Message | None) -> None:
    error = message.error() if message is not None else None
    if error is not None and is_final(error):
        raise failure(error, f"visiting group {settings.group}")


def cure(settings: Settings) -> set[int]:
    """Have divided anew what two looks found without an owner; which partitions these are."""
    found = look(settings)
    if found:
        sleep(_AGAIN_SECONDS)
        found &= look(settings)
    if found:
        visit(settings)
    return found


def _answer() -> int:
    end_with_parent()
    settings = json.decode(sys.stdin.buffer.read(), type=Settings)
    try:
        said, code = json.encode(sorted(cure(settings))), Exit.OK
    except DataProcessorError as problem:
        said, code = str(explained(problem, settings, "flusher")).encode(), problem.exit_code
    sys.stdout.buffer.write(said)
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    os._exit(_answer())  # at once: a client that is closed with a question under way aborts its process
