"""A member's assignment, as Kafka's consumer protocol packs it."""

import struct
from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.kafka.joined import assigned

patient = settings(deadline=None)  # a busy machine takes its time

PARTITIONS = st.lists(st.integers(0, 10_000), unique=True, max_size=8)


def packed(topics: Mapping[str, Sequence[int]], user_data: bytes = b"") -> bytes:
    """As KIP-429's ConsumerProtocolAssignment, version 0."""
    parts = [struct.pack(">hi", 0, len(topics))]
    for topic, partitions in topics.items():
        name = topic.encode()
        parts.append(struct.pack(f">h{len(name)}si{len(partitions)}i", len(name), name, len(partitions), *partitions))
    return b"".join([*parts, struct.pack(">i", len(user_data)), user_data])


@patient
@given(PARTITIONS, PARTITIONS, st.binary(max_size=20))
def test_a_topics_partitions_are_found_among_others(mine: list[int], others: list[int], user_data: bytes) -> None:
    said = packed({"another-topic": others, "user-login": mine}, user_data)

    assert assigned(said, "user-login") == sorted(mine)


@patient
@given(PARTITIONS.filter(bool), st.data())
def test_whatever_is_cut_off_is_no_error(mine: list[int], data: st.DataObject) -> None:
    said = packed({"user-login": mine})

    assert set(assigned(said[: data.draw(st.integers(0, len(said)))], "user-login")) <= set(mine)


def test_a_member_that_has_nothing_yet_has_no_partitions() -> None:
    assert assigned(b"", "user-login") == []
