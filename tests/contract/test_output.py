"""What a worker may rely on, of the output in memory and of the one on Kafka alike."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest
from msgspec.structs import replace

from processor.errors import Fenced, Refused, Unavailable
from processor.kafka.offsets import Committed
from processor.logins.batch import Batch
from processor.logins.judge import OVERHEAD_BYTES, record_bytes
from processor.settings import PrivacySettings, Settings
from tests.clusters import (
    INPUT_PARTITIONS,
    NOW,
    AnyCluster,
    AnyOutput,
    AnySource,
    Written,
    joined,
    judged,
    started,
    until,
)
from tests.twins.record import MemoryRecord

LOGIN = b'{"user_id":"%s","timestamp":5}'


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture
def member(cluster: AnyCluster) -> AnySource:
    """Make a member of the group, which has all partitions."""
    return started(cluster.source())


def login(offset: int, partition: int = 0, key: bytes | None = b"k") -> MemoryRecord:
    return MemoryRecord((partition, offset), key, LOGIN % b"user-%d" % offset)


def users(cluster: AnyCluster, partition: int = 0) -> list[str]:
    """Whose logins processed-logins shows, in order."""
    found = cluster.read(cluster.settings.topics.processed)
    return [json.loads(record.value or b"")["user_id"] for record in found if record.partition == partition]


def ready(cluster: AnyCluster, name: str = "a") -> AnyOutput:
    """Make an output, and have settled what a former one of its name left open."""
    output = cluster.output(name)
    output.ready()
    return output


def write(cluster: AnyCluster, output: AnyOutput, member: AnySource, *records: MemoryRecord) -> None:
    """Write records of one partition, with the offset after the last."""
    batch = judged(cluster.settings, records[0].partition(), *records)
    for _ in range(3):  # a cold broker may answer too late: a worker then looks where it stands, and goes on
        try:
            return output.write([batch], {batch.part.partition: (batch.part.end, "0")}, member.membership())
        except Unavailable:
            output.ready()
            if member.committed().get(batch.part.partition, Committed(-1, "")).offset == batch.part.end:
                return None
    raise AssertionError("the broker did not answer in time, three times over")


def letters(cluster: AnyCluster) -> list[Written]:
    return cluster.read(cluster.settings.topics.dead_letters)


def test_records_and_offsets_become_visible_together(cluster: AnyCluster, member: AnySource) -> None:
    output = ready(cluster)
    batches = [judged(cluster.settings, p, login(7, p), login(9, p)) for p in (0, 2)]

    output.write(batches, {0: (10, "3"), 2: (12, "4")}, member.membership())

    assert dict(member.committed()) == {0: Committed(10, "3"), 2: Committed(12, "4")}
    processed = {
        "user_id": "user-7",
        "app_version": None,
        "device_type": None,
        "ip": None,
        "locale": None,
        "device_id": None,
        "timestamp": 5000,
        "processed_timestamp": NOW,
    }
    found = cluster.read(cluster.settings.topics.processed)
    assert next(json.loads(r.value or b"") for r in found if r.partition == 0) == processed
    assert {p: users(cluster, p) for p in range(3)} == {0: ["user-7", "user-9"], 1: [], 2: ["user-7", "user-9"]}


def test_offsets_are_what_it_was_told_and_not_where_the_consumer_stands(cluster: AnyCluster, member: AnySource) -> None:
    cluster.feed([Written(0, b"k", LOGIN % b"u")] * 5)
    until(lambda: member.poll(10, 0.05))

    write(cluster, ready(cluster), member, login(1))

    assert dict(member.committed()) == {0: Committed(2, "0")}


def test_one_transaction_after_the_other(cluster: AnyCluster, member: AnySource) -> None:
    output = ready(cluster)

    for offset in range(20):
        write(cluster, output, member, login(offset))

    assert users(cluster) == [f"user-{n}" for n in range(20)]
    assert dict(member.committed()) == {0: Committed(20, "0")}


@contextmanager
def deadly(point: str) -> Iterator[None]:
    """Have any output die at a point."""

    def reach(reached: str) -> None:
        if reached == point:
            raise Crash

    with pytest.MonkeyPatch.context() as patch:
        for module in ("processor.kafka.output", "tests.twins.output"):
            patch.setattr(f"{module}.reach", reach)
        yield


def test_what_a_process_left_open_is_never_visible_and_hides_the_offsets_until_its_successor_settles_it(
    cluster: AnyCluster, member: AnySource
) -> None:
    with deadly("worker.before-commit"), pytest.raises(Crash):
        write(cluster, ready(cluster), member, login(3))
    with pytest.raises(Unavailable):
        member.committed()

    successor = ready(cluster)

    assert dict(member.committed()) == {}
    assert users(cluster) == []
    write(cluster, successor, member, login(3))
    assert users(cluster) == ["user-3"]


def test_a_fenced_processs_write_is_refused_and_leaves_nothing(cluster: AnyCluster, member: AnySource) -> None:
    fenced = ready(cluster)
    write(cluster, fenced, member, login(0))
    successor = ready(cluster)

    with pytest.raises(Fenced):
        write(cluster, fenced, member, login(1))

    write(cluster, successor, member, login(1))
    assert users(cluster) == ["user-0", "user-1"]
    assert dict(member.committed()) == {0: Committed(2, "0")}


def test_a_former_membership_is_refused_and_the_next_transaction_is_sound(
    cluster: AnyCluster, member: AnySource
) -> None:
    output, former, other = ready(cluster), member.membership(), cluster.source("b")
    joined(member, other)
    batch = judged(cluster.settings, 0, login(0))

    with pytest.raises(Unavailable):
        output.write([batch], {0: (1, "0")}, former)

    assert users(cluster) == []
    assert {**member.committed(), **other.committed()} == {}
    write(cluster, output, member, login(0))
    assert users(cluster) == ["user-0"]
    assert {**member.committed(), **other.committed()} == {0: Committed(1, "0")}


def test_the_membership_of_a_replaced_process_is_refused_for_good(cluster: AnyCluster, member: AnySource) -> None:
    zombie = member.membership()
    joined(cluster.source("a"))
    batch = judged(cluster.settings, 0, login(0))

    with pytest.raises(Fenced):
        ready(cluster, "zombie").write([batch], {0: (1, "0")}, zombie)

    ready(cluster, "zombie")  # else readers would wait for what it left open until that times out
    assert users(cluster) == []


def test_keys_and_headers_of_logins_are_carried_over(cluster: AnyCluster, member: AnySource) -> None:
    headers = [("a", b"1"), ("a", b"2"), ("", b""), ("none", None), ("é\u200b", bytes(range(256)))]
    value = LOGIN % b"u"
    records = [
        MemoryRecord((0, 0), None, value),
        MemoryRecord((0, 1), b"", value, headers),
        MemoryRecord((0, 2), bytes(range(256)), value, []),
        MemoryRecord((0, 3), b"k", value, [("b", b"")]),
    ]

    write(cluster, ready(cluster), member, *records)

    found = cluster.read(cluster.settings.topics.processed)
    assert [record.key for record in found] == [b"u", b"", bytes(range(256)), b"k"]
    assert [record.headers or [] for record in found] == [[], headers, [], [("b", b"")]]


def test_a_batch_in_which_one_record_has_headers_keeps_its_order(cluster: AnyCluster, member: AnySource) -> None:
    records = [
        MemoryRecord((0, n), b"k", LOGIN % b"user-%d" % n, [("n", b"%d" % n)] if n == 150 else None) for n in range(300)
    ]

    write(cluster, ready(cluster), member, *records)

    assert users(cluster) == [f"user-{n}" for n in range(300)]
    found = cluster.read(cluster.settings.topics.processed)
    assert [n for n, record in enumerate(found) if record.headers] == [150]


def test_a_large_batch_keeps_its_order(cluster: AnyCluster, member: AnySource) -> None:
    write(cluster, ready(cluster), member, *(login(n) for n in range(10_000)))

    assert users(cluster) == [f"user-{n}" for n in range(10_000)]


def test_dead_letters_are_byte_for_byte_what_came_with_headers_that_say_why_and_where(
    cluster: AnyCluster, member: AnySource
) -> None:
    carried = [("trace", b"\xff"), ("trace", None)]
    records = [
        MemoryRecord((2, 10), None, None, None, 1_700_000_000_001),
        MemoryRecord((2, 11), b"", b"", carried, 1_700_000_000_002),
        login(12, partition=2),
        MemoryRecord((2, 13), b"\xff", b"\xff\xfe\x00", None, 1_700_000_000_003),
    ]

    write(cluster, ready(cluster), member, *records)

    assert users(cluster, partition=2) == ["user-12"]
    found = letters(cluster)
    assert [record[:3] for record in found] == [(0, None, None), (0, b"", b""), (0, b"\xff", b"\xff\xfe\x00")]
    assert [dict(r.headers or ())["dead-letter.reason"] for r in found] == [b"tombstone", b"empty", b"encoding"]
    assert (found[1].headers or [])[:2] == carried
    facts = dict(found[2].headers or ())
    assert facts.pop("dead-letter.message")
    assert facts == {
        "dead-letter.reason": b"encoding",
        "dead-letter.topic": cluster.settings.topics.input.encode(),
        "dead-letter.partition": b"2",
        "dead-letter.offset": b"13",
        "dead-letter.timestamp": b"1700000000003",
    }


def test_addresses_that_are_not_kept_are_in_no_dead_letter(cluster: AnyCluster, member: AnySource) -> None:
    cluster.settings = replace(cluster.settings, privacy=PrivacySettings(ip="truncate"))
    values = [b'{"user_id": 1.5, "ip": "203.0.113.77"}', b'{"ip": "203.0.113.77', b'{"user_id": 1.5}']

    write(cluster, ready(cluster), member, *(MemoryRecord((0, at), b"k", value) for at, value in enumerate(values)))

    assert [r.value for r in letters(cluster)] == [b'{"user_id":1.5,"ip":"203.0.113.0"}', None, values[2]]
    told = [dict(r.headers or ()) for r in letters(cluster)]
    assert [facts.get("dead-letter.ip") for facts in told] == [b"replaced", b"left out with the value", None]
    assert told[1]["dead-letter.value-length"] == b"%d" % len(values[1])


def test_dead_letters_go_to_the_input_partition_modulo_theirs(cluster: AnyCluster, member: AnySource) -> None:
    output = ready(cluster)

    for partition in range(INPUT_PARTITIONS):
        write(cluster, output, member, MemoryRecord((partition, 0), b"%d" % partition, b"{"))

    assert sorted((r.partition, r.key) for r in letters(cluster)) == [(0, b"0"), (0, b"2"), (1, b"1")]


def noise(size: int) -> bytes:
    """Bytes that do not compress."""
    return Random(size).randbytes(size)


def large_login(size: int) -> bytes:
    """A login whose output does not compress much, and is `size` bytes large with what else counts."""
    filler = Random(size).randbytes(size).hex().encode()
    empty = judge_one(MemoryRecord((0, 0), b"k", b'{"user_id":"u","x":""}'))
    room = size - record_bytes(b"k", empty.values[0], None)
    return b'{"user_id":"u","x":"%s"}' % filler[:room]


def judge_one(record: MemoryRecord) -> Batch:
    return judged(Settings(), 0, record)


@pytest.mark.parametrize("value", [noise(5_000_000), b"x" * 5_000_000], ids=["incompressible", "compressible"])
def test_a_record_far_beyond_the_limit_becomes_a_dead_letter_that_tells_its_length(
    value: bytes, cluster: AnyCluster, member: AnySource
) -> None:
    write(cluster, ready(cluster), member, login(0), MemoryRecord((0, 1), b"k", value), login(2))

    assert users(cluster) == ["user-0", "user-2"]
    (letter,) = letters(cluster)
    assert letter[:3] == (0, b"k", None)
    assert dict(letter.headers or ())["dead-letter.value-length"] == b"5000000"


def test_the_largest_login_that_fits_is_written_and_one_byte_more_is_a_dead_letter(
    cluster: AnyCluster, member: AnySource
) -> None:
    limit = cluster.settings.output_max_bytes - OVERHEAD_BYTES
    fits, does_not = large_login(limit), large_login(limit + 1)

    write(cluster, ready(cluster), member, MemoryRecord((0, 0), b"k", fits), MemoryRecord((0, 1), b"k", does_not))

    (processed,) = cluster.read(cluster.settings.topics.processed)
    assert record_bytes(b"k", processed.value, None) == limit
    (letter,) = letters(cluster)
    assert letter.value == does_not
    assert dict(letter.headers or ())["dead-letter.reason"] == b"too-large"


def test_the_largest_dead_letter_that_fits_has_its_value_and_one_byte_more_goes_without(
    cluster: AnyCluster, member: AnySource
) -> None:
    output, limit = ready(cluster), cluster.settings.output_max_bytes
    write(cluster, output, member, MemoryRecord((0, 10), b"k", noise(1000), None, 1_700_000_000_000))
    (small,) = letters(cluster)
    most = 1000 + limit - record_bytes(b"k", small.value, small.headers)

    for offset, size in ((11, most), (12, most + 1)):
        write(cluster, output, member, MemoryRecord((0, offset), b"k", noise(size), None, 1_700_000_000_000))

    assert [letter.value for letter in letters(cluster)[1:]] == [noise(most), None]


def test_many_of_the_largest_records_fit_one_transaction(cluster: AnyCluster, member: AnySource) -> None:
    value = large_login(cluster.settings.output_max_bytes - OVERHEAD_BYTES)

    write(cluster, ready(cluster), member, *(MemoryRecord((0, n), b"k", value) for n in range(40)))

    assert users(cluster) == ["u"] * 40


def test_a_topic_that_takes_less_than_the_settings_say_is_refused_and_not_tried_for_ever(
    cluster: AnyCluster, member: AnySource
) -> None:
    cluster.limit(cluster.settings.topics.processed, 2000)

    with pytest.raises(Refused):
        write(cluster, ready(cluster), member, MemoryRecord((0, 0), b"k", large_login(20_000)))

    ready(cluster)  # the next process of the name, which settles what this one left
    assert dict(member.committed()) == {}


# key → murmur2 as Java's UtilsTest and librdkafka's own test have it, without the sign
MURMUR2 = {
    b"21": 0xC5F2F8EC,
    b"foobar": 0xD0E47BBE,
    b"a-little-bit-long-string": 0xC53B1DA0,
    b"a-little-bit-longer-string": 0xA768C9C3,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": 0xFC7D49CD,
    b"abc": 0x1C94221B,
    b"kafka": 0xD067CF64,
    b"giberish123456789": 0x8F552B0C,
    b"4": 0x5A4B5CA1,
    b"": 0x106E08D9,
}


def test_where_partition_counts_differ_keys_lie_where_java_clients_put_them(
    cluster: AnyCluster, member: AnySource
) -> None:
    cluster.grow(cluster.settings.topics.processed, 7)
    output = ready(cluster)

    records = [MemoryRecord((1, n), key, LOGIN % b"u") for n, key in enumerate(MURMUR2)]
    write(cluster, output, member, *records)
    write(cluster, output, member, MemoryRecord((1, 100), None, LOGIN % b"kafka"), MemoryRecord((1, 101), b"4", b"{"))

    places = {(r.key, r.partition) for r in cluster.read(cluster.settings.topics.processed)}
    assert places == {(key, (value & 0x7FFF_FFFF) % 7) for key, value in MURMUR2.items()}
    assert [(r.partition, r.key) for r in letters(cluster)] == [(1, b"4")]


def test_while_nobody_answers_a_write_is_unavailable_and_afterwards_nothing_is_there_twice(
    cluster: AnyCluster, member: AnySource
) -> None:
    output = ready(cluster)
    write(cluster, output, member, login(0))

    with cluster.silence(), pytest.raises(Unavailable):
        write(cluster, output, member, login(1))

    until(lambda: is_ready(output) and committed_is_known(member))
    restarted = started(cluster.source())
    assert dict(restarted.committed()) == {0: Committed(1, "0")}
    write(cluster, output, restarted, login(1))
    assert users(cluster) == ["user-0", "user-1"]


def is_ready(output: AnyOutput) -> bool:
    try:
        output.ready()
    except Unavailable:
        return False
    return True


def committed_is_known(source: AnySource) -> bool:
    try:
        source.committed()
    except Unavailable:
        return False
    return True
