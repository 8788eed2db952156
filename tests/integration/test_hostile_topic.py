"""Whatever is in the topic, the real pool goes on: valid logins counted, all else a dead letter with its bytes."""

import json
import os
import random
from collections import Counter
from pathlib import Path

from confluent_kafka import Producer
from msgspec.structs import replace

from processor.logins.malformed import SPOILED
from processor.settings import Settings
from tests.pool import eventually, is_alive, offsets, pool, published_counts, read, redis_counts
from tests.unit.hostile import CASES, LOGIN

NAMES = [
    "",
    " ",
    "\x00",
    "\U0001f680" * 256,
    "lineage",
    "users",
    "0",
    "{a}",
    "__proto__",
    "a\tb\nc",
    "\u202e",
    "\uffff",
]


def feed(settings: Settings, records: list[tuple[bytes | None, bytes | None, object]]) -> None:
    """Send records as they are; the limit is the topic's, after compression."""
    large = {"message.max.bytes": 20_000_000, "compression.type": "zstd"}
    producer = Producer({**settings.kafka.client, **large, "linger.ms": 20})
    failed: list[object] = []
    for key, value, headers in records:
        producer.produce(
            settings.topics.input,
            value,
            key,
            headers=headers,
            on_delivery=lambda error, _: error and failed.append(error),
        )
        producer.poll(0)
    assert producer.flush(60) == 0
    assert not failed


def test_hostile_values_are_counted_or_dead_letters_and_no_worker_dies(quick: Settings, tmp_path: Path) -> None:
    cases = [case for case in CASES.values() if len(case[0] or b"") < quick.topics.max_message_bytes]
    values = [value for value, _ in cases] * 2
    random.Random(5).shuffle(values)
    with pool(quick, tmp_path) as running:
        feed(quick, [(b"k", value, None) for value in values])
        eventually("all processed", lambda: sum(offsets(quick, quick.group).values()) == len(values))
        valid = [value for value, outcome in cases if outcome == LOGIN]
        letters = Counter(values) - Counter(valid * 2)
        assert Counter(value for _, value in read(quick, quick.topics.dead_letters)) == letters
        assert len(read(quick, quick.topics.processed)) == len(valid) * 2
        eventually("all counted", lambda: sum(redis_counts(quick).values()) == len(valid) * 2)
        assert set(running.starts.values()) == {1}
        assert all(is_alive(process.pid) for process in running.running.values())


def test_hostile_strings_are_user_ids_like_any_other(quick: Settings, tmp_path: Path) -> None:
    users = [name for name in NAMES if name]
    with pool(quick, tmp_path):
        feed(quick, [(None, json.dumps({"user_id": name}).encode(), None) for name in NAMES * 3])
        eventually("all counted", lambda: sum(redis_counts(quick).values()) == len(users) * 3)
        assert redis_counts(quick) == dict.fromkeys(users, 3)
        assert {key for key, _ in read(quick, quick.topics.processed)} == {name.encode() for name in users}


def test_records_at_the_limit_and_far_above_neither_kill_nor_stall(quick: Settings, tmp_path: Path) -> None:
    limit = quick.topics.max_message_bytes
    noise = os.urandom(limit // 2 - 100).hex().encode()
    valid = b'{"user_id":"u","x":"' + noise[: limit - 2_000] + b'"}'
    with pool(quick, tmp_path) as running:
        feed(
            quick, [(b"k", b'{"x":"' + b"a" * 5_000_000 + b'"}', None), (b"k" * 900_000, b"{", [("h", b"v" * 90_000)])]
        )
        feed(quick, [(b"k", b'{"user_id":"u","x":"' + b"a" * 5_000_000 + b'"}', None), (None, valid, None)])
        feed(quick, [(b"k", valid[:-1], None), (b"k", b'{"user_id":"last"}', None)])
        eventually("all processed", lambda: sum(offsets(quick, quick.group).values()) == 6)
        eventually("counted", lambda: redis_counts(quick) == {"u": 1, "last": 1})
        letters = read(quick, quick.topics.dead_letters)
        assert sorted(len(value or b"") for _, value in letters)[:2] == [0, 0], "too large: without their values"
        assert len(letters) == 4
        assert set(running.starts.values()) == {1}


def test_no_log_holds_anything_of_a_login(quick: Settings, tmp_path: Path) -> None:
    mark = "Zaphod-42"
    names = ("app_version", "device_type", "ip", "locale", "device_id", f"{mark}-field")
    login = json.dumps({"user_id": mark, **dict.fromkeys(names, mark), "timestamp": "1694479551"}).encode()
    spoiled = [spoil(login) for spoil in SPOILED]
    spoiled += [login.replace(b'"1694479551"', json.dumps(f"{mark} o'clock").encode()), mark.encode(), b'"%b"' % login]
    spoiled += [login[:-1] + b', "x": "' + b"x" * 2_000_000 + b'"}']
    key, headers = mark.encode(), [(mark, mark.encode())]
    settings = replace(quick, worker=replace(quick.worker, breaker_records=40, breaker_share=0.9))
    with pool(settings, tmp_path) as running:
        feed(settings, [(key, login, headers)] * 5 + [(key, value, headers) for value in spoiled])
        eventually("all processed", lambda: sum(offsets(settings, settings.group).values()) == 5 + len(spoiled))
        feed(settings, [(key, value, headers) for value in spoiled * 3])
        logs = [*map(running.log, running.starts)]
        eventually("the breaker speaks", lambda: any("malformed" in log.read_text() for log in logs))
        eventually("counted and published", lambda: published_counts(settings) == {mark: 5})
        for name in list(running.running):
            running.stop(name)
        text = "\n".join(log.read_text() for log in logs)
        assert "stopping" in text
        assert mark not in text
