"""A wrong setting: one line that says what, where and what to do, and an exit code; nothing restarts in a hot loop."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AclOperation, ResourceType
from msgspec.structs import replace

from processor.errors import Exit
from processor.patience import persist
from processor.settings import KafkaSettings, Settings
from tests import stack
from tests.command import only_line, run, started
from tests.pool import Account, eventually, pool
from tests.secured import SecuredBroker, secured_broker
from tests.stack import RedisServer

WORKER, FLUSHER = ("worker", "--slot", "0"), ("flusher",)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    """Start a broker that asks who one is."""
    with secured_broker(tmp_path_factory.mktemp("secured")) as made:
        yield made


@pytest.fixture
def own(secured: SecuredBroker, redis_server: RedisServer, tmp_path: Path) -> Iterator[Settings]:
    """Make settings and topics on it, for the user who may be denied something."""
    redis_server.start()
    settings = stack.new_settings(secured.broker, redis_server, tmp_path / "run")
    persist(lambda: stack.create_topics(settings))  # a broker that has just started on a busy machine takes its time
    Account(settings, seed=1).feed(50, malformed=0.2)
    yield replace(settings, kafka=KafkaSettings(client=secured.client()))
    stack.delete_topics(settings)


def said(line: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(line)
    return found


def first_wait(process: "subprocess.Popen[bytes]") -> str:
    """What a process of the pool says that it waits for."""
    assert process.stderr is not None
    for line in process.stderr:
        if said(line.decode())["event"].startswith("waiting: "):
            return str(said(line.decode())["why"])
    raise AssertionError(f"it ended with {process.wait(300)}")


def last_words(settings: Settings, folder: Path, *command: str) -> str:
    """What ended a process: the last line of its log, with the exit code that it names."""
    done = run(settings, folder, *command)
    last = said(done.stderr.splitlines()[-1])
    assert (last["level"], last["exit_code"]) == ("error", done.returncode)
    return f"{done.returncode}: {last['event']}"


WRONG_SERVERS = {
    "127.0.0.1:1": "Connection refused",
    "nowhere.invalid:9092": "Failed to resolve",
}


@pytest.mark.parametrize(("servers", "why"), WRONG_SERVERS.items())
@pytest.mark.parametrize("command", [WORKER, FLUSHER])
def test_a_wrong_address_is_waited_for_with_its_reason_and_the_setting(
    servers: str, why: str, command: tuple[str, ...], settings: Settings, tmp_path: Path
) -> None:
    wrong = replace(settings, kafka=KafkaSettings({"bootstrap.servers": servers}, plaintext_beyond_loopback=True))

    with started(wrong, tmp_path, *command) as process:
        line = first_wait(process)

    assert line.startswith(f"Kafka at {servers} can't be reached: ")
    assert why in line
    assert "check kafka.bootstrap.servers" in line


@pytest.mark.parametrize("command", [("topics", "check"), ("audit",)])
def test_tools_say_the_same_and_end_with_4(command: tuple[str, ...], settings: Settings, tmp_path: Path) -> None:
    wrong = replace(
        settings, kafka=KafkaSettings({"bootstrap.servers": "nowhere.invalid:9092"}, plaintext_beyond_loopback=True)
    )

    done = run(wrong, tmp_path, *command)

    assert done.returncode == Exit.UNAVAILABLE
    line = only_line(done.stderr)
    assert line.startswith("data-processor: Kafka at nowhere.invalid:9092 can't be reached: ")
    assert "check kafka.bootstrap.servers" in line


@pytest.mark.parametrize("command", [WORKER, FLUSHER])
def test_a_topic_of_another_name_is_waited_for_by_its_name(
    command: tuple[str, ...], quick: Settings, tmp_path: Path
) -> None:
    wrong = replace(quick, topics=replace(quick.topics, input="user-logins"))

    with started(wrong, tmp_path, *command) as process:
        line = first_wait(process)

    assert "no topic user-logins yet: `data-processor topics create` makes what is missing" in line
    assert "[topics]" in line


@pytest.mark.parametrize("command", [WORKER, FLUSHER])
def test_a_wrong_password_ends_a_process_with_2_and_is_not_shown(
    command: tuple[str, ...], own: Settings, secured: SecuredBroker, tmp_path: Path
) -> None:
    wrong = replace(own, kafka=KafkaSettings(client=secured.client(password="s3cret-other")))  # noqa: S106

    line = last_words(wrong, tmp_path, *command)

    assert line.startswith(f"{Exit.USAGE}: Kafka: reaching {secured.servers}: ")
    assert "Authentication failed" in line
    assert "check kafka.sasl.username, kafka.sasl.password" in line
    assert "s3cret" not in line


RIGHTS = [
    ("topic input", AclOperation.DESCRIBE, WORKER),
    ("topic input", AclOperation.READ, WORKER),
    ("topic processed", AclOperation.WRITE, WORKER),
    ("topic dead_letters", AclOperation.WRITE, WORKER),
    ("group", AclOperation.READ, WORKER),
    ("transactional id", AclOperation.WRITE, WORKER),
    ("topic aggregations", AclOperation.WRITE, FLUSHER),
    ("topic aggregations", AclOperation.DESCRIBE, FLUSHER),
]


@pytest.mark.parametrize(("what", "operation", "command"), RIGHTS)
def test_a_right_that_is_missing_is_named_and_ends_the_process_with_5(
    what: str, operation: AclOperation, command: tuple[str, ...], own: Settings, secured: SecuredBroker, tmp_path: Path
) -> None:
    kind, _, key = what.partition(" ")
    names = {"topic": lambda: getattr(own.topics, key), "group": lambda: own.group}
    name = names.get(kind, lambda: f"{own.group}-{own.host}-worker-00")()
    kinds = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP}
    secured.deny(kinds.get(kind, ResourceType.TRANSACTIONAL_ID), name, operation)

    with pool(own, tmp_path, workers=0, flusher=command != FLUSHER):
        line = last_words(own, tmp_path, *command)

    assert line.startswith(f"{Exit.REFUSED}: Kafka: ")
    assert "uthoriz" in line
    assert name in line
    assert "grant this principal the missing right" in line


WRONG_FILES = {
    "host = ": "wrong.toml",
    'kafka."sasl.password.file" = "/nowhere/it.is"': "/nowhere/it.is can't be read: No such file or directory",
    'redis.password_file = "/"': "/ can't be read: Is a directory",
    "worker.breaker_share = 2.0": "worker.breaker_share: must be from 0 to 1, not 2.0",
}


@pytest.mark.parametrize(("text", "why"), WRONG_FILES.items())
def test_a_file_that_can_not_be_used_ends_everything_with_2_and_one_line(
    text: str, why: str, settings: Settings, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(text)
    for command in (WORKER, FLUSHER):
        line = last_words(settings, tmp_path, *command, "--config", str(wrong))
        assert line.startswith(f"{Exit.USAGE}: ")
        assert why in line
    for tool in ("status", "audit"):
        done = run(settings, tmp_path, tool, "--config", str(wrong))
        assert done.returncode == Exit.USAGE
        assert why in only_line(done.stderr)


def test_workers_without_a_partition_are_spare_and_the_pool_is_healthy(settings: Settings, tmp_path: Path) -> None:
    few = replace(settings, topics=replace(settings.topics, partitions=1))
    stack.create_topics(few)
    account = Account(few, seed=1)
    with pool(few, tmp_path, workers=2) as running:
        account.feed(100)
        account.check()
        eventually("both are there", lambda: "workers 2 (1 spare)" in run(few, tmp_path, "status").stdout)
        assert run(few, tmp_path, "status").returncode == Exit.OK

        owner = owner_of(few, tmp_path)
        running.stop(owner)
        account.feed(100)

        account.check()
        assert owner_of(few, tmp_path) != owner
        assert set(running.starts.values()) == {1}
    stack.delete_topics(few)


def owner_of(settings: Settings, folder: Path) -> str:
    (row,) = json.loads(run(settings, folder, "status", "--json").stdout)["partitions"]
    return f"worker-{row['slot']:02d}"


@pytest.fixture
def evicting(redis_server: RedisServer) -> Iterator[None]:
    """Make Redis throw keys away when it is full."""
    with redis_server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", "1gb")
        yield
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "0")


@pytest.mark.usefixtures("evicting")
def test_a_redis_that_evicts_ends_workers_and_flushers_with_5_and_status_says_so(
    quick: Settings, tmp_path: Path
) -> None:
    for command in (WORKER, FLUSHER):
        line = last_words(quick, tmp_path, *command)
        assert line.startswith(f"{Exit.REFUSED}: Redis at ")
        assert "Set it to noeviction: `CONFIG SET maxmemory-policy noeviction`, and in redis.conf" in line

    status = run(quick, tmp_path, "status")

    assert status.returncode == Exit.DIFFERENCE
    assert "Redis may evict keys" in status.stdout.splitlines()[0]
