"""Who is in the pool's group, asked in a process of its own.

librdkafka aborts its whole process when the group's coordinator goes away while it is asked for the members
(librdkafka#4605, seen with 2.16 at every second restart of a broker): so be it, but not ours.
"""

import os
import re
import subprocess
import sys

from confluent_kafka import TopicPartition
from msgspec import Struct, json

from processor.errors import ConfigurationError, DataProcessorError, Exit, Refused, Unavailable
from processor.kafka.client import REQUEST_SECONDS, admin, translated
from processor.settings import Settings

_START_SECONDS = 20.0  # until a process runs, on a machine that is busy
_INSTANCE = re.compile(r"(.+)-worker-(\d+)")
_FAILURES: dict[int, type[DataProcessorError]] = {Exit.REFUSED: Refused, Exit.USAGE: ConfigurationError}


class Member(Struct, frozen=True):
    """A worker in the group; one that was not started by us has no slot, and its client's name as host."""

    host: str
    slot: int | None
    partitions: list[int]


class Group(Struct, frozen=True):
    """The consumer group: Kafka's name of its state, as "stable" or "preparing_rebalancing", and who is in it."""

    state: str
    members: list[Member]
    operations: list[str] | None = None  # what whoever asked may do with it, as "READ"; None: the broker did not say


def group(settings: Settings) -> Group:
    """The pool's group; one without members where it does not exist. Raises Unavailable, also for its own end."""
    doing = f"Kafka: looking at the members of group {settings.group}"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "processor.kafka.members"],
            input=json.encode(settings),
            capture_output=True,
            check=False,
            timeout=REQUEST_SECONDS + _START_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{doing}: nobody answers") from None
    if done.returncode == Exit.OK:
        return json.decode(done.stdout, type=Group)
    said = done.stdout.decode() or f"{doing}: its coordinator went away"
    raise _FAILURES.get(done.returncode, Unavailable)(said)


def member(instance: str, assigned: list[TopicPartition], topic: str) -> Member:
    """Host and slot from a static member's instance id (see membership.py)."""
    partitions = sorted(at.partition for at in assigned if at.topic == topic)
    named = _INSTANCE.fullmatch(instance)
    return Member(named[1], int(named[2]), partitions) if named else Member(instance, None, partitions)


def ask(settings: Settings) -> Group:
    """Ask in this process, which may be its end: see above. Raises Unavailable and Refused."""
    client = admin(settings)  # kept until the answer is there: a client that goes takes its questions with it
    with translated(f"looking at the members of group {settings.group}"):
        asked = client.describe_consumer_groups(
            [settings.group], include_authorized_operations=True, request_timeout=REQUEST_SECONDS
        )
        found = asked[settings.group].result()
    members = [
        member(each.group_instance_id or each.client_id, each.assignment.topic_partitions, settings.topics.input)
        for each in found.members
    ]
    operations = found.authorized_operations
    return Group(found.state.name.lower(), members, None if operations is None else [one.name for one in operations])


def _answer() -> int:
    try:
        said, code = json.encode(ask(json.decode(sys.stdin.buffer.read(), type=Settings))), Exit.OK
    except DataProcessorError as problem:
        said, code = str(problem).encode(), problem.exit_code
    sys.stdout.buffer.write(said)
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    os._exit(_answer())  # at once: a client that is closed with a question under way aborts, too
