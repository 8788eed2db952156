"""A partition that a rebalance left to nobody gets an owner again: its own group would leave it so for ever."""

import ctypes
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer
from msgspec import json, structs

from processor.kafka import members
from processor.kafka.client import consumer_properties
from processor.kafka.unowned import look, unowned
from processor.settings import Settings
from tests import stack
from tests.pool import eventually

# A worker, as far as its group knows, that stands still once it has its partitions: its client goes on without it.
STILL = textwrap.dedent("""
    import sys, time
    from confluent_kafka import Consumer
    from msgspec import json
    from processor.kafka.client import consumer_properties
    from processor.settings import Settings
    settings = json.decode(sys.stdin.readline(), type=Settings)
    member = Consumer(consumer_properties(settings, "still", settings.group, "still"))
    has = []
    member.subscribe([settings.topics.input], on_assign=lambda _, given: has.extend(given))
    while len(has) < settings.topics.partitions:
        member.poll(0.1)
    print("it has them all", flush=True)
    time.sleep(600)
""")


@contextmanager
def standing_still(settings: Settings) -> Iterator["subprocess.Popen[bytes]"]:
    """A member that has all partitions, and will do nothing any more that it is asked to."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", STILL], stdin=pipe, stdout=pipe, cwd=stack.ROOT) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.encode(settings) + b"\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"it has them all\n"
            yield process
        finally:
            process.kill()


def left_open(member: Consumer) -> Consumer:
    """Have it neither closed nor taken down: in a group as odd as this one, librdkafka 2.16 waits in there for ever."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(member))
    return member


def polled(member: Consumer, until: Callable[[], object]) -> None:
    eventually("the group is so", lambda: member.poll(0.1) or until())


def owned(settings: Settings) -> list[int]:
    return sorted(p for member in members.ask(settings).members for p in member.partitions)


def test_a_partition_that_a_static_member_took_to_its_grave_is_divided_anew(settings: Settings) -> None:
    # Given a member that was asked to give a partition up, and died before it did
    two = structs.replace(settings, topics=structs.replace(settings.topics, partitions=2))
    stack.create_topics(two)
    second = left_open(Consumer(consumer_properties(two, "second", two.group, "second")))
    joined: list[object] = []
    with standing_still(two):
        second.subscribe([two.topics.input], on_assign=lambda *given: joined.append(given))
        polled(second, lambda: joined)
    back = left_open(Consumer(consumer_properties(two, "still", two.group, "still")))
    has: list[object] = []
    back.subscribe([two.topics.input], on_assign=lambda _, given: has.extend(given))
    polled(back, lambda: has)
    polled(second, lambda: look(two))

    # When it is looked for
    found = cure_beside(two, back, second)

    # Then both partitions have an owner
    assert len(found) == 1
    eventually("both are owned", lambda: (back.poll(0.1), second.poll(0.1)) and owned(two) == [0, 1])
    stack.delete_topics(two)


def cure_beside(settings: Settings, *others: Consumer) -> set[int]:
    """Find and cure it, in a process of its own, while the others go on."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "processor.kafka.unowned"]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=stack.ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.encode(settings))
        process.stdin.close()
        eventually("it has ended", lambda: [each.poll(0.1) for each in others] and process.poll() is not None)
        return set(json.decode(process.stdout.read()))


def test_a_group_that_has_an_owner_for_everything_is_left_alone() -> None:
    def group(state: str, *owners: list[int]) -> members.Group:
        return members.Group(state, [members.Member("host", slot, owned) for slot, owned in enumerate(owners)])

    assert unowned(group("stable", [0], [1, 2]), 3) == set()
    assert unowned(group("stable", [0], []), 2) == {1}
    assert unowned(group("preparing_rebalancing", [0], []), 2) == set()
    assert unowned(group("stable"), 2) == set()
