"""Whoever lacks one of the rights in rights.py is told which, in a line that says what to do: each role, each right."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from deploy.local.ports import pick_free
from processor.errors import Exit
from processor.kafka.client import GRANT
from processor.kafka.rights import Right, rights
from processor.log import JsonLines
from processor.ownership import OwnershipWatch
from processor.settings import ExporterSettings, FlusherSettings, KafkaSettings, RedisSettings, Settings
from tests.command import only_line, run, started
from tests.pool import Account, eventually, pool
from tests.secured_kafka import SecuredKafka, secured_kafka
from tests.stack import RedisServer

RIGHTS = rights(Settings())


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """Start one broker for all tests here."""
    with secured_kafka(tmp_path_factory.mktemp("secured")) as made:
        yield made


@pytest.fixture(scope="module")
def own(secured: SecuredKafka, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The settings of one pool under the usual names, with a record in each topic and positions in each group."""
    folder = tmp_path_factory.mktemp("pool")
    settings = Settings(
        run_directory=str(folder / "run"),
        kafka=KafkaSettings(client=secured.of_roles()),
        flusher=FlusherSettings(interval_seconds=0.5, lease_seconds=3.0),
        redis=RedisSettings(url=redis_server.url, prefix="denials", timeout_seconds=1.0),
        exporter=ExporterSettings(port=pick_free(1)[0], interval_seconds=1.0),
    )
    secured.create_topics(settings)
    secured.give(settings)
    account = Account(as_admin(settings, secured), seed=1)
    with pool(settings, folder, workers=1):
        account.feed(100, malformed=0.1)
        eventually("everything is published", account.settled)
    return settings


def as_admin(settings: Settings, secured: SecuredKafka) -> Settings:
    return replace(settings, kafka=KafkaSettings(client=secured.certified()))


@pytest.mark.parametrize("missing", RIGHTS, ids=str)
def test_who_lacks_a_right_is_told_which_and_what_to_do(
    missing: Right, secured: SecuredKafka, own: Settings, tmp_path: Path
) -> None:
    of_its_own = replace(own, run_directory=str(tmp_path / "run"))  # no death of an earlier process holds it back
    secured.take(own, [missing])
    try:
        said = SAID[missing.user](missing, of_its_own, secured, tmp_path)
    finally:
        secured.give(own, [missing])

    assert f"{missing.user} lacks {missing.what}" in said
    assert GRANT in said
    assert not [secret for secret in secured.passwords.values() if secret in said]
    assert "Traceback" not in said


def of_process(settings: Settings, folder: Path, *command: str) -> str:
    """All that a process says until it ends; the last line is why."""
    done = run(settings, folder, *command)
    last = json.loads(done.stderr.splitlines()[-1])
    assert (last["level"], last["exit_code"], done.returncode) == ("error", Exit.REFUSED, Exit.REFUSED)
    return done.stderr


def worker(_missing: Right, own: Settings, _secured: SecuredKafka, folder: Path) -> str:
    return of_process(own, folder, "worker", "--slot", "0")


def flusher(missing: Right, own: Settings, secured: SecuredKafka, folder: Path) -> str:
    """With something to do that takes this right: counts to publish, a Redis to restore, a group to look after."""
    if missing.kind == "group" and missing.name == own.group:
        return of_ownership(own, secured)
    if missing.operation == "WRITE" and missing.kind == "topic":
        with pool(own, folder, workers=1, flusher=False):
            Account(as_admin(own, secured), seed=2).feed(10)
            return of_process(own, folder, "flusher")
    if (missing.operation, missing.name) in restoring(own):
        return of_process(replace(own, redis=replace(own.redis, prefix="empty")), folder, "flusher")
    return of_process(own, folder, "flusher")


def restoring(own: Settings) -> set[tuple[str, str]]:
    """What only an empty Redis needs."""
    published = own.topics.aggregations
    return {("READ", published), ("DESCRIBE_CONFIGS", published), ("DESCRIBE", f"{own.group}-reader")}


def of_ownership(own: Settings, secured: SecuredKafka) -> str:
    """What the flusher says of partitions without an owner, every 20 s: it goes on, as it can do all else."""
    mine = replace(own, kafka=KafkaSettings(client=secured.client("flusher")))
    log, watch = Lines(), OwnershipWatch(mine, every_seconds=0.0)
    logger = logging.getLogger("processor")
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    try:
        eventually("it says so", lambda: watch.turn() or log.lines)
    finally:
        logger.removeHandler(log)
        logger.setLevel(logging.NOTSET)
        watch.close()
    return only_line("\n".join(log.lines))


class Lines(logging.Handler):
    """What this process would have written to its log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(JsonLines("flusher", ()))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


def observer(_missing: Right, own: Settings, _secured: SecuredKafka, folder: Path) -> str:
    """The exporter goes on without Kafka's numbers; the scaler decides nothing that it can't see."""
    with started(own, folder, "exporter") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if b"waiting: asking kafka" in line:
                return line.decode()
    raise AssertionError("it ended")


def producer(_missing: Right, own: Settings, secured: SecuredKafka, folder: Path) -> str:
    client = KafkaSettings(client=secured.client("producer"))
    return of_tool(replace(own, kafka=client), folder, "generate", "--logins", "1")


def operator(missing: Right, own: Settings, _secured: SecuredKafka, folder: Path) -> str:
    command = tool(missing, own)
    if command == RESET:  # begun, it leaves a Redis that nobody works with until it is done
        own = replace(own, redis=replace(own.redis, prefix="reset"))
    return of_tool(own, folder, *command.split())


def of_tool(settings: Settings, folder: Path, *arguments: str) -> str:
    """What a tool says, which ends with why; nothing else writes there."""
    done = run(settings, folder, *arguments)
    assert done.returncode == Exit.REFUSED, done
    assert all(line.startswith("data-processor: ") for line in done.stderr.splitlines()), done.stderr
    return done.stderr


RESET = "reset --yes"
REDRIVE = "dead-letters redrive --all --force --again --yes"


def tool(missing: Right, own: Settings) -> str:
    """A command that needs this right."""
    by_operation = {
        "CREATE": "topics create",
        "DESCRIBE_CONFIGS": "topics check",
        "DELETE": "dead-letters purge --all --yes",
    }
    by_kind = {"cluster": "acls check", "group": "audit", "transactional-id": REDRIVE}
    writes = {own.topics.input: REDRIVE, own.topics.dead_letters: REDRIVE, own.topics.aggregations: RESET}
    if missing.kind != "topic":
        return by_kind[missing.kind]
    return by_operation.get(missing.operation) or (writes[missing.name] if missing.operation == "WRITE" else "audit")


SAID = {"worker": worker, "flusher": flusher, "observer": observer, "operator": operator, "producer": producer}
