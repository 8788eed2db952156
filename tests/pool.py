"""A pool of real processes under test, an account of what was fed to it, and an oracle that shares no code with it."""

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from processor.audit.findings import Verdict
from processor.settings import Settings
from tests import stack
from tests.audited import audited

COMMAND = str(stack.ROOT / ".venv" / "bin" / "data-processor")
PATIENCE_SECONDS = 300.0
FEED_SECONDS = 0.5
MALFORMED = [b"{", b"", None, b"[1]", b'{"user_id":""}', b'{"user_id":"u","timestamp":"soon"}', b"\xff\xfe"]


def eventually(what: str, holds: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait until `holds` answers something true, and return that; fail with its last answer."""
    deadline = time.monotonic() + seconds
    while not (answer := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}; last seen: {answer!r}")
        time.sleep(0.05)
    return answer


class Pool:
    """Workers and a flusher, started and restarted by the test as supervisord would."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.starts: Counter[str] = Counter()
        self._environment = stack.environment(settings, folder)

    def start(self, name: str, crash_at: str = "") -> "subprocess.Popen[bytes]":
        """Start `worker-NN` or `flusher`; `crash_at` names a point of processor/faults.py where it dies."""
        role, _, slot = name.partition("-")
        arguments = [COMMAND, role, *(["--slot", str(int(slot))] if slot else [])]
        environment = self._environment | ({"DATA_PROCESSOR_CRASH_AT": crash_at} if crash_at else {})
        with self.log(name).open("ab") as log:
            self.running[name] = subprocess.Popen(arguments, env=environment, stdout=log, stderr=log)
        self.starts[name] += 1
        return self.running[name]

    def log(self, name: str) -> Path:
        """A process's log, of all its runs."""
        return self.folder / f"{name}.log"

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal, when the process is still there."""
        self.running[name].send_signal(number)

    def kill(self, name: str) -> None:
        """Kill -9 and wait for the end."""
        self.send(name, signal.SIGKILL)
        self.running[name].wait(PATIENCE_SECONDS)

    def revive(self) -> None:
        """Start again whatever died."""
        for name, process in list(self.running.items()):
            if process.poll() is not None:
                self.start(name)

    def stop(self, name: str) -> int:
        """SIGTERM, and the exit code."""
        self.send(name, signal.SIGTERM)
        return self.running.pop(name).wait(PATIENCE_SECONDS)

    def end(self) -> None:
        """End everything, however."""
        for process in self.running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(PATIENCE_SECONDS)


@contextmanager
def pool(settings: Settings, folder: Path, workers: int = 2, flusher: bool = True) -> Iterator[Pool]:
    """Start a pool; its logs are printed when the test fails."""
    made = Pool(settings, folder)
    try:
        for slot in range(workers):
            made.start(f"worker-{slot:02d}")
        if flusher:
            made.start("flusher")
        yield made
    except BaseException:
        for name in made.running:
            print(f"--- {name}\n{made.log(name).read_text()[-4000:]}")
        raise
    finally:
        made.end()


class Account:
    """Everything that was fed: what must come out exactly, whatever happens in between."""

    def __init__(self, settings: Settings, seed: int) -> None:
        print(f"seed {seed}")
        self.settings = settings
        self.random = random.Random(seed)
        self.logins: Counter[str] = Counter()  # device id → 1: each login has its own
        self.users: Counter[str] = Counter()
        self.malformed = 0
        self._producer = Producer(
            {
                **settings.kafka.client,
                "linger.ms": 20,
                "compression.type": "lz4",
                "topic.metadata.refresh.interval.ms": 1000,
            }
        )

    def feed(self, logins: int, users: int = 100, malformed: float = 0.01, partition: int = -1) -> None:
        """Send so many records, and wait until they are in the log."""
        for _ in range(logins):
            bad = self.random.random() < malformed
            self._send(*(self._malformed() if bad else self._login(users)), partition)
        assert self._producer.flush(60) == 0

    def _send(self, key: bytes | None, value: bytes | None, partition: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                return self._producer.produce(self.settings.topics.input, value, key, partition)
            except (BufferError, KafkaException):  # a full queue; or a partition so new that it is not known yet
                self._producer.poll(0.1)
        raise AssertionError("a record could not be sent")

    def _login(self, users: int) -> tuple[bytes, bytes]:
        user, device = f"user-{self.random.randrange(users)}", f"device-{len(self.logins)}"
        self.users[user] += 1
        self.logins[device] += 1
        login = {"user_id": user, "device_id": device, "timestamp": "1694479551", "locale": "RU", "ip": "10.0.0.1"}
        return user.encode(), json.dumps(login).encode()

    def _malformed(self) -> tuple[bytes, bytes | None]:
        self.malformed += 1
        return b"someone", self.random.choice(MALFORMED)

    def settled(self) -> bool:
        """Whether every record is committed, counted and published."""
        topic = self.settings.topics.input
        ends = {p: end for p, (_, end) in bounds(self.settings, topic).items() if end}
        committed = offsets(self.settings, self.settings.group)
        published = offsets(self.settings, self.settings.aggregations_group)
        return all(committed.get(p) == end and published.get(p) == end for p, end in ends.items())

    def check(self, flusher: bool = True, audit: Verdict = Verdict.CLEAN) -> None:
        """Wait until the pool is at rest, and compare everything with the account, to the record; so must the audit.

        Where the test took a part of the log away, the audit must say that it can't know.
        """
        if flusher:
            eventually("everything committed, counted and published", self.settled)
        processed = [json.loads(value)["device_id"] for _, value in read(self.settings, self.settings.topics.processed)]
        assert Counter(processed) == self.logins
        assert len(dead_letters(self.settings)) == self.malformed
        assert redis_counts(self.settings) == self.users
        if flusher:
            assert published_counts(self.settings) == self.users
            found = audited(self.settings, full=True, leave=False).findings
            assert found.verdict is audit, (found.shown, found.reasons)


@contextmanager
def fed(account: Account, rate: float, users: int = 100) -> Iterator[None]:
    """So many logins a second, all the time; what could not be sent in time is sent at once."""
    done = threading.Event()

    def feed() -> None:
        began, sent = time.monotonic(), 0
        while not done.wait(FEED_SECONDS):
            due = int((time.monotonic() - began) * rate) - sent
            account.feed(due, users)
            sent += due

    feeding = threading.Thread(target=feed)
    feeding.start()
    try:
        yield
    finally:
        done.set()
        feeding.join()


def read(settings: Settings, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    """Every record that a read_committed reader sees, as key and value."""
    return [(message.key(), message.value()) for message in messages(settings, topic)]


def dead_letters(settings: Settings) -> list[Message]:
    """Every dead letter; what tools have noted beside them bears a header of its own, and no reason."""
    found = messages(settings, settings.topics.dead_letters)
    names = [{name for name, _ in message.headers() or ()} for message in found]
    return [
        message
        for message, named in zip(found, names, strict=True)
        if "dead-letter.reason" in named or "dead-letter.marker" not in named
    ]


def messages(settings: Settings, topic: str) -> list[Message]:
    """Every record that a read_committed reader sees."""
    ends = {p: end for p, (low, end) in bounds(settings, topic).items() if end > low}
    group = {"group.id": "oracle", "enable.partition.eof": True, "enable.auto.commit": False}
    consumer = Consumer({**settings.kafka.client, **group, "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, p, 0) for p in ends])
    found: list[Message] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while ends and time.monotonic() < deadline:
        for message in consumer.consume(1000, 0.2):
            if message.error() is None:
                found.append(message)
            elif message.offset() >= ends.get(message.partition(), 0):
                ends.pop(message.partition(), None)
    consumer.close()
    assert not ends, f"{topic} could not be read to its end: {ends}"
    return found


def bounds(settings: Settings, topic: str) -> dict[int, tuple[int, int]]:
    """Each partition's first offset and end."""
    return eventually(f"{topic} has its leaders", lambda: _bounds(settings, topic))


def _bounds(settings: Settings, topic: str) -> dict[int, tuple[int, int]] | None:
    consumer = Consumer({**settings.kafka.client, "group.id": "oracle"})
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), 10) for p in partitions}
    except KafkaException:
        return None  # a leader is away, or a new topic is not known everywhere yet: ask again
    finally:
        consumer.close()


def offsets(settings: Settings, group: str) -> dict[int, int]:
    """A group's committed offsets on the input."""
    topic = settings.topics.input
    consumer = Consumer({**settings.kafka.client, "group.id": group})  # it never joins
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        found = consumer.committed([TopicPartition(topic, p) for p in partitions], 5)
    except KafkaException:
        return {}  # the coordinator is loading, or away: ask again
    finally:
        consumer.close()
    return {at.partition: at.offset for at in found if at.error is None and at.offset >= 0}


def redis_counts(settings: Settings) -> dict[str, int]:
    """Every user's count in Redis, over all shards."""
    with _redis(settings) as client:
        hashes = [client.hgetall(f"{{{settings.redis.prefix}:{s}}}:counts") for s in range(settings.redis.shards)]
    return {user: int(count) for users in hashes for user, count in users.items()}


def _redis(settings: Settings) -> Any:
    if settings.redis.cluster:
        host, port = settings.redis.cluster.split(",")[0].split(":")
        return redis.RedisCluster(host, int(port), decode_responses=True)
    login: dict[str, str] = {}
    if settings.redis.password_file:
        login = {
            "username": settings.redis.username,
            "password": Path(settings.redis.password_file).read_text().strip(),
        }
    if settings.redis.ca_file:
        login["ssl_ca_certs"] = settings.redis.ca_file
    return redis.Redis.from_url(settings.redis.url, decode_responses=True, **login)


def published_counts(settings: Settings) -> dict[str, int]:
    """The latest count of each user on user-aggregations; a count that went down is an error."""
    latest: dict[str, int] = {}
    for key, value in read(settings, settings.topics.aggregations):
        count = json.loads(value or b"")
        assert count["user_id"].encode() == key
        assert count["login_count"] >= latest.get(count["user_id"], 0), f"{key!r} went down"
        latest[count["user_id"]] = count["login_count"]
    return latest


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False
