"""What a worker may rely on, of the source in memory and of the one on Kafka alike."""

from random import Random
from typing import Any

import pytest

from processor.errors import ClientFailed, Fenced, Unavailable
from processor.kafka.offsets import Committed
from tests.clusters import (
    INPUT_PARTITIONS,
    AnyCluster,
    AnySource,
    Written,
    joined,
    judged,
    places,
    polled,
    sought,
    started,
    until,
)
from tests.twins.record import MemoryRecord


def logins(partition: int, count: int) -> list[Written]:
    return [Written(partition, b"%d" % n, b'{"user_id":"user-%d"}' % n) for n in range(count)]


def commit(cluster: AnyCluster, source: AnySource, offset: int, name: str = "a") -> None:
    """Commit an input offset of partition 0, with a record."""
    record = MemoryRecord((0, offset - 1), b"k", b'{"user_id":"u"}')
    cluster.output(name).write([judged(cluster.settings, 0, record)], {0: (offset, "7")}, source.membership())


def test_it_owns_partitions_after_polling_and_takes_nothing_until_it_is_told_where_to_start(
    cluster: AnyCluster,
) -> None:
    cluster.feed(logins(0, 5))
    source = cluster.source()
    assert source.owned == set()

    joined(source)  # which asserts that no record comes

    assert source.owned == set(range(INPUT_PARTITIONS))
    assert source.moved
    assert [source.poll(10, 0.05) for _ in range(5)] == [[]] * 5


def test_records_come_from_where_it_was_told_to_start_in_order(cluster: AnyCluster) -> None:
    cluster.feed(logins(0, 50) + logins(1, 20))

    source = started(cluster.source(), {0: 30, 1: 5})

    assert not source.moved
    records = polled(source, 35)
    assert [at for at in places(records) if at[0] == 0] == [(0, n) for n in range(30, 50)]
    assert [at for at in places(records) if at[0] == 1] == [(1, n) for n in range(5, 20)]
    assert len(records) == 35


def test_a_poll_brings_no_more_than_its_limit(cluster: AnyCluster) -> None:
    cluster.feed(logins(0, 10) + logins(1, 10))
    source = started(cluster.source())

    sizes = []
    until(lambda: sizes.append(len(source.poll(3, 0.1))) or sum(sizes) == 20)

    assert max(sizes) == 3


def test_after_a_seek_records_come_exactly_from_there_each_time(cluster: AnyCluster) -> None:
    cluster.feed(logins(0, 100) + logins(1, 100))
    source = started(cluster.source())
    random = Random(1)

    for _ in range(10):
        starts = {0: random.randrange(100), 1: random.randrange(100), 2: 0}
        source.pause()
        sought(source, starts)
        first: dict[int, int] = {}
        until(lambda found=first: _first_of_each(source, found))
        assert first == {0: starts[0], 1: starts[1]}


def _first_of_each(source: AnySource, found: dict[int, int]) -> bool:
    for partition, offset in places(source.poll(7, 0.05)):
        found.setdefault(partition, offset)
    return len(found) == 2


def test_a_paused_source_brings_nothing_and_stays_in_the_group(cluster: AnyCluster) -> None:
    cluster.feed(logins(0, 10))
    source = started(cluster.source())
    assert polled(source, 4, limit=4)

    source.pause()
    cluster.feed(logins(1, 10))
    for _ in range(30):
        assert source.poll(10, 0.05) == []

    assert source.owned == set(range(INPUT_PARTITIONS))
    assert not source.moved
    commit(cluster, source, 4)
    source.resume()
    assert len(polled(source, 16)) == 16


def test_a_held_partition_brings_nothing_until_it_is_sought_and_the_others_go_on(cluster: AnyCluster) -> None:
    cluster.feed(logins(0, 10) + logins(1, 10))
    source = started(cluster.source())
    assert polled(source, 20)

    source.hold({1})
    cluster.feed(logins(0, 10) + logins(1, 10))
    source.pause()
    source.poll(10, 0.05)
    source.resume()
    assert {p for p, _ in places(polled(source, 10))} == {0}
    assert [source.poll(10, 0.05) for _ in range(10)] == [[]] * 10

    source.pause()
    sought(source, {0: 20, 1: 7, 2: 0})
    assert places(polled(source, 13)) == [(1, n) for n in range(7, 20)]


def test_what_a_transaction_of_the_feed_wrote_comes_when_it_is_committed_and_never_when_it_is_aborted(
    cluster: AnyCluster,
) -> None:
    cluster.feed(logins(0, 2))
    cluster.feed_in_transaction(logins(0, 3), "aborted")
    cluster.feed_in_transaction(logins(0, 2), "committed")
    finish = cluster.feed_in_transaction(logins(0, 1), "open")
    source = started(cluster.source())

    assert places(polled(source, 4)) == [(0, 0), (0, 1), (0, 6), (0, 7)]
    assert source.poll(10, 0.1) == []
    assert source.bounds()[0] == (0, 10)

    finish()
    assert places(polled(source, 1)) == [(0, 9)]


def test_records_are_exactly_what_was_written(cluster: AnyCluster) -> None:
    headers = [("a", b"1"), ("a", b"2"), ("", b""), ("none", None), ("é\u200b", bytes(range(256)))]
    written = [
        Written(0, None, b"v"),
        Written(0, b"", b""),
        Written(0, b"k", None),
        Written(0, bytes(range(256)), b"\xff\x00\xfe", headers),
    ]
    cluster.feed(written)

    records = polled(started(cluster.source()), 4)

    assert [Written(0, r.key(), r.value(), r.headers() or None) for r in records] == written
    assert all(kind == 1 and created > 1_600_000_000_000 for kind, created in (r.timestamp() for r in records))


def test_each_partition_has_one_owner_and_records_of_others_do_not_come(cluster: AnyCluster) -> None:
    one = started(cluster.source("a"))
    two = cluster.source("b")
    left: list[set[int]] = []
    one.leaving = lambda: left.append(set(one.owned))

    joined(one, two)

    assert left == [set(range(INPUT_PARTITIONS))], "it is told before anything is given up"
    assert one.moved
    assert two.moved
    cluster.feed([record for p in range(INPUT_PARTITIONS) for record in logins(p, 10)])
    for source in (one, two):
        sought(source, dict.fromkeys(source.owned, 0))
        records = polled(source, 10 * len(source.owned))
        assert sorted(places(records)) == [(p, n) for p in sorted(source.owned) for n in range(10)]


def test_what_was_given_up_is_not_sought(cluster: AnyCluster) -> None:
    one = started(cluster.source("a"))
    joined(one, cluster.source("b"))

    with pytest.raises(Unavailable):
        one.seek(dict.fromkeys(range(INPUT_PARTITIONS), 0))

    assert one.moved


def test_a_restarted_member_has_its_partitions_back_and_the_former_one_ends(cluster: AnyCluster) -> None:
    former = started(cluster.source("a"))
    restarted = cluster.source("a")
    joined(restarted)

    with pytest.raises((Fenced, ClientFailed)):
        until(lambda: former.poll(10, 0.05))


def test_a_member_that_closed_keeps_its_partitions_for_its_successor(cluster: AnyCluster) -> None:
    one, two = cluster.source("a"), cluster.source("b")
    joined(one, two)
    before = one.owned.copy()
    one.close()
    assert one.owned == set()

    successor = cluster.source("a")
    joined(successor, two)

    assert successor.owned == before


def test_a_position_before_the_logs_first_offset_is_noticed_and_nothing_is_skipped(cluster: AnyCluster) -> None:
    cluster.feed(logins(0, 10))
    cluster.delete_before(0, 5)
    source = started(cluster.source(), {0: 3})

    until(lambda: source.poll(10, 0.05) == [] and source.moved)

    assert source.bounds()[0] == (5, 10)
    sought(source, {0: 5, 1: 0, 2: 0})
    assert places(polled(source, 5)) == [(0, n) for n in range(5, 10)]


def test_a_position_beyond_the_logs_end_is_noticed(cluster: AnyCluster) -> None:
    cluster.feed(logins(0, 10))
    source = started(cluster.source(), {0: 12})

    until(lambda: source.poll(10, 0.05) == [] and source.moved)


def test_committed_offsets_bear_what_was_written_beside_them(cluster: AnyCluster) -> None:
    source = started(cluster.source())
    assert dict(source.committed()) == {}

    commit(cluster, source, 5)

    assert dict(source.committed()) == {0: Committed(5, "7")}


def test_new_partitions_are_found(cluster: AnyCluster) -> None:
    source = started(cluster.source())

    cluster.grow(cluster.settings.topics.input, INPUT_PARTITIONS + 1)

    until(lambda: source.poll(10, 0.05) == [] and source.owned == set(range(INPUT_PARTITIONS + 1)))
    assert source.moved
    assert source.bounds()[INPUT_PARTITIONS] == (0, 0)


def test_the_end_of_a_partition_is_known(cluster: AnyCluster) -> None:
    cluster.feed(logins(1, 10))
    source = started(cluster.source())

    assert (source.end(0), source.end(1)) == (0, 10)


def test_while_nobody_answers_polls_bring_nothing_and_questions_are_unavailable(cluster: AnyCluster) -> None:
    cluster.feed(logins(0, 3))
    source = started(cluster.source())
    assert polled(source, 3)

    with cluster.silence():
        for _ in range(20):
            assert source.poll(10, 0.05) == []
        for question in (source.committed, source.bounds):
            with pytest.raises(Unavailable):
                question()

    cluster.feed(logins(0, 2))
    try:
        places_now = goes_on(source, 3)
    except ClientFailed:  # librdkafka may declare a static member fenced by itself when the outage outlasts its session
        places_now = goes_on(cluster.source(), 3)
    assert places_now == [(0, 3), (0, 4)]


def goes_on(source: AnySource, start: int) -> list[tuple[int, int]]:
    """What comes next, also where the membership was lost."""
    records: list[Any] = []

    def went_on() -> bool:
        records.extend(source.poll(10, 0.1))
        if source.moved and len(source.owned) == INPUT_PARTITIONS:
            sought(source, {0: start, 1: 0, 2: 0})
        return len(records) >= 2

    until(went_on)
    return places(records)
