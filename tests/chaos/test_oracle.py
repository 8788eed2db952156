"""Who judges the judge: what is planted by hand is found and named, and a real pool under kill -9 is judged exact."""

import json
import time
from functools import partial
from pathlib import Path
from random import Random

import pytest
import redis
from confluent_kafka import Producer

from processor.settings import Settings
from tests.chaos import oracle
from tests.chaos.generator import Generator
from tests.chaos.live import Live
from tests.chaos.oracle import judge, settled
from tests.chaos.reader import Reader
from tests.chaos.subject import Subject
from tests.pool import eventually, pool

PARTITIONS = 4


def everywhere(reader: Reader, since: float) -> bool:
    return len(reader.progressed(since, range(PARTITIONS))) == PARTITIONS


def test_a_real_pool_under_kill_9_is_judged_exact(quick: Settings, tmp_path: Path) -> None:
    subject, random = Subject.of(quick), Random(7)
    generator = Generator(subject.kafka, subject.input, PARTITIONS, seed=7, rate=3000.0, malformed=0.02)
    reader = Reader(subject.kafka, subject.processed)
    with pool(quick, tmp_path) as running:
        reader.start()
        generator.start()
        for _ in range(4):
            eventually("progress", partial(everywhere, reader, time.time()))
            running.kill(random.choice(sorted(running.running)))
            running.revive()
        generator.storm(1, 300)
        generator.stop()

        verdict = judge(subject, reader)

    assert verdict.exact, str(verdict)
    assert verdict.logins == generator.logins
    assert verdict.malformed == generator.malformed_made >= 300


def test_what_is_spoilt_in_kafka_and_redis_is_found_there(
    quick: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = Subject.of(quick)
    reader = Reader(subject.kafka, subject.processed)
    with pool(quick, tmp_path):
        reader.start()
        feed(subject, 400)
        assert settled(subject) == []
    spoil(subject)
    left_open = Producer({**subject.kafka, "transactional.id": f"{subject.group}-left-open"})
    left_open.init_transactions(120)
    left_open.begin_transaction()
    left_open.produce(subject.dead_letters, b"hidden", partition=0)
    left_open.flush(120)
    monkeypatch.setattr(oracle, "OPEN_SECONDS", 0.5)

    verdict = judge(subject, reader)

    left_open.abort_transaction(120)
    assert set(verdict.found) == {
        *("duplicated", "foreign", "letter-foreign", "wrong-count", "wrong-aggregation", "went-down"),
        "open-transaction",
    }


def feed(subject: Subject, logins: int) -> None:
    generator = Generator(subject.kafka, subject.input, PARTITIONS, seed=1, rate=2000.0, users=5)
    generator.start()
    eventually("enough was fed", lambda: generator.sent >= logins)
    generator.stop()


def spoil(subject: Subject) -> None:
    """Write to every sink what no pool should write there."""
    with redis.Redis.from_url(subject.redis_url, decode_responses=True) as client:
        client.hincrby(f"{{{subject.prefix}:0}}:counts", "user-1", 1)
    processed = next(iter(Live(subject).records("processed")))
    producer = Producer(dict(subject.kafka))
    producer.produce(subject.processed, processed.value(), processed.key(), processed.partition() or 0)
    producer.produce(subject.processed, b"{}", partition=1)
    producer.produce(subject.dead_letters, b"{}", partition=1)
    count = json.dumps({"user_id": "user-1", "login_count": 1}).encode()
    for published in Live(subject).records("aggregations"):
        if published.key() == b"user-1":
            producer.produce(subject.aggregations, count, b"user-1", published.partition() or 0)
            break
    assert producer.flush(120) == 0


def test_what_does_not_come_to_rest_is_said(quick: Settings) -> None:
    subject = Subject.of(quick)
    feed(subject, 100)

    missing = settled(subject, 0.5)

    assert any(line.startswith("committed offset, partition 0: none of ") for line in missing)
    assert any(line.startswith("cursor of shard 0, partition 3: none of ") for line in missing)
    assert any(line.startswith("checkpoint of shard 0") for line in missing)
    assert {"committed-behind", "lost", "wrong-count", "wrong-aggregation"} <= set(judge(subject, seconds=0).found)


def test_a_generator_changes_its_load_while_it_runs(quick: Settings) -> None:
    subject = Subject.of(quick)
    generator = Generator(subject.kafka, subject.input, 2, seed=1, malformed=0.0)
    generator.rate = 0.0
    generator.start()
    generator.storm(1, 250)
    eventually("the storm is over", lambda: generator.sent == 250)
    generator.pause()
    generator.rate, generator.partitions = 500.0, PARTITIONS
    generator.resume()
    eventually("it feeds", lambda: generator.sent > 400)
    generator.stop()

    written = [record.partition() for record in Live(subject).records("input")]

    assert generator.malformed_made == 250
    assert len(written) == generator.sent == generator.logins + 250
    assert written.count(1) - 250 == pytest.approx(written.count(3), abs=1)
