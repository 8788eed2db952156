"""What only other clients write: names of headers that Python can't read, sizes that only compression allows."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from deploy.local.servers import Broker
from processor.logins.records import Rejected
from processor.settings import Settings
from tests import stack, wire
from tests.clusters import RealCluster, judged, polled, settings_for, started

LOGIN = b'{"user_id":"user-%d"}'


@pytest.fixture
def cluster(settings: Settings, kafka: Broker) -> Iterator[RealCluster]:
    """Make a cluster with this test's own topics."""
    settings = settings_for(settings)
    stack.create_topics(settings)
    real = RealCluster(settings, kafka)
    yield real
    real.close()
    stack.delete_topics(settings)


def test_a_name_that_is_not_utf_8_makes_a_dead_letter_of_its_record_and_nothing_else(
    cluster: RealCluster, kafka: Broker
) -> None:
    named = [[(b"fine", b"1")], [(b"\xff\xfe", b"1"), (b"fine", b"2")], [], [(b"\xc3", None)], [(b"fine", None)]]
    for number, headers in enumerate(named):
        wire.produce(kafka.bootstrap, cluster.settings.topics.input, 0, LOGIN % number, headers)
    source, output = started(cluster.source()), cluster.output()
    output.ready()

    batch = judged(cluster.settings, 0, *polled(source, len(named)))
    output.write([batch.since(0)], {0: (len(named), "0")}, source.membership())

    processed = cluster.read(cluster.settings.topics.processed)
    assert [(record.key, record.headers or []) for record in processed] == [
        (b"user-0", [("fine", b"1")]),
        (b"user-2", []),
        (b"user-4", [("fine", None)]),
    ]
    letters = cluster.read(cluster.settings.topics.dead_letters)
    assert [letter.value for letter in letters] == [LOGIN % 1, LOGIN % 3]
    assert {dict(letter.headers or ())["dead-letter.reason"] for letter in letters} == {b"headers"}
    assert all(name.startswith("dead-letter.") for letter in letters for name, _ in letter.headers or ())


def test_each_such_record_is_found_wherever_it_lies_in_however_large_a_batch(
    cluster: RealCluster, kafka: Broker
) -> None:
    bad = {7, 150, 151, 299}
    for number in range(300):
        names = [(b"name", b""), (b"\xe2\x82", b""), (b"another", None)] if number in bad else [(b"name", b"1")]
        wire.produce(kafka.bootstrap, cluster.settings.topics.input, 0, LOGIN % number, names)

    batch = judged(cluster.settings, 0, *polled(started(cluster.source()), 300))

    assert {number for number, user in enumerate(batch.users) if isinstance(user, Rejected)} == bad
    assert batch.headers == [None if number in bad else [("name", b"1")] for number in range(300)]


def test_thousands_of_headers_are_carried_over(cluster: RealCluster, kafka: Broker) -> None:
    names = [(b"name-%d" % number, b"") for number in range(5000)]
    wire.produce(kafka.bootstrap, cluster.settings.topics.input, 0, LOGIN % 0, names)
    source, output = started(cluster.source()), cluster.output()
    output.ready()

    batch = judged(cluster.settings, 0, *polled(source, 1))
    output.write([batch], {0: (1, "0")}, source.membership())

    (record,) = cluster.read(cluster.settings.topics.processed)
    assert record.headers == [(name.decode(), content) for name, content in names]


def test_a_record_that_was_small_on_the_wire_only_becomes_a_dead_letter_without_its_value(
    cluster: RealCluster,
) -> None:
    compressing = {**cluster.settings.kafka.client, "compression.type": "lz4", "message.max.bytes": 20_000_000}
    producer = Producer(compressing)
    producer.produce(cluster.settings.topics.input, b"x" * 5_000_000, b"k", 0)
    producer.produce(cluster.settings.topics.input, LOGIN % 1, b"k", 0)
    assert producer.flush(60) == 0
    source, output = started(cluster.source()), cluster.output()
    output.ready()

    batch = judged(cluster.settings, 0, *polled(source, 2))
    output.write([batch], {0: (2, "0")}, source.membership())

    (letter,) = cluster.read(cluster.settings.topics.dead_letters)
    assert (letter.key, letter.value) == (b"k", None)
    assert dict(letter.headers or ())["dead-letter.value-length"] == b"5000000"
    assert [record.key for record in cluster.read(cluster.settings.topics.processed)] == [b"k"]
