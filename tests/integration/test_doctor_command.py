"""`data-processor doctor` on real servers: nothing is said against a healthy pool, and what is broken is named."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AclOperation, ResourceType
from msgspec.structs import replace

from deploy.local.ports import pick_free
from processor.doctor.finding import Level
from processor.errors import Exit
from processor.kafka.cluster import Cluster
from processor.kafka.topics import create
from processor.settings import ExporterSettings, KafkaSettings, Settings
from tests import stack
from tests.command import run
from tests.pool import eventually
from tests.secured import secured_broker


class Told:
    """What the doctor said, by area, of all that is not well."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        done = run(settings, folder, "doctor", "--json")
        assert done.stderr == ""
        self.code = done.returncode
        said: dict[str, Any] = json.loads(done.stdout)
        self.next: str = said["next"]
        self.all: list[dict[str, Any]] = said["findings"]
        self.wrong = {each["area"]: each["what"] for each in self.all if each["level"] == Level.WRONG.value}
        self.warned = {each["area"]: each["what"] for each in self.all if each["level"] == Level.WARNING.value}
        assert (self.code == Exit.OK) == (not self.wrong)


@contextmanager
def supervised(settings: Settings, folder: Path, workers: int = 1) -> Iterator[None]:
    """The pool as shipped: supervisord with supervisord.conf, its state where the settings say."""
    state = Path(settings.run_directory).parent
    for name in ("log", "run"):
        (state / name).mkdir(exist_ok=True)
    (folder / ".local").symlink_to(state)
    for shipped in ("supervisord.conf", ".venv"):
        (folder / shipped).symlink_to(stack.ROOT / shipped)
    environment = stack.environment(settings, folder) | {"WORKERS": str(workers)}
    command = [str(stack.ROOT / ".venv/bin/supervisord"), "-n", "-s", "-c", str(folder / "supervisord.conf")]
    process = subprocess.Popen(command, env=environment, cwd=folder)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def well(told: Told) -> bool:
    """Nothing is wrong, and the exporter, which has only just been started, listens by now."""
    return not told.wrong and "ports" not in told.warned


def test_a_healthy_pool_gets_no_complaint_and_one_without_supervisord_does(quick: Settings, tmp_path: Path) -> None:
    exporter = ExporterSettings(port=pick_free(1)[0])
    quick = replace(quick, run_directory=str(tmp_path / "state" / "run"), exporter=exporter)
    Path(quick.run_directory).mkdir(parents=True)
    before = Told(quick, tmp_path)
    assert "supervisor" in before.wrong
    assert before.next.startswith("`systemctl start data-processor`")

    with supervised(quick, tmp_path):
        told = eventually("all is well", lambda: told if well(told := Told(quick, tmp_path)) else None)
        text = run(quick, tmp_path, "doctor")

    assert told.code == text.returncode == Exit.OK
    areas = {each["area"] for each in told.all if each["level"] == Level.OK.value}
    assert areas >= {"brokers", "version", "topics", "rights", "redis", "redis rights", "persistence", "clock", "pool"}
    assert told.warned == {"racks": "one broker has the only copy of everything"}
    assert len(text.stdout.splitlines()) == len(told.all) + 1
    assert text.stdout.splitlines()[-1].startswith("next: three, in three zones")


def test_topics_that_are_missing_come_before_what_they_cause(settings: Settings, tmp_path: Path) -> None:
    told = Told(settings, tmp_path)

    assert told.wrong["topics"].endswith("does not exist")
    assert told.next == "`data-processor topics create` makes it"


def test_a_redis_that_evicts_and_forgets_is_named(
    settings: Settings, tmp_path: Path, redis_server: stack.RedisServer
) -> None:
    wrong = {"maxmemory": "900mb", "maxmemory-policy": "allkeys-lru", "appendonly": "no"}
    with redis_server.client() as client:
        before = {name: client.config_get(name)[name] for name in wrong}
        try:
            for name, value in wrong.items():
                client.config_set(name, value)
            told = Told(settings, tmp_path)
        finally:
            for name, value in before.items():
                client.config_set(name, value)

    assert told.wrong["memory"].startswith("maxmemory-policy is allkeys-lru")
    assert told.warned["persistence"].startswith("appendonly is off")


def test_a_redis_user_without_a_right_is_told_which(
    settings: Settings, tmp_path: Path, redis_server: stack.RedisServer
) -> None:
    prefix = settings.redis.prefix
    with redis_server.client() as client:
        keys = (f"~{{{prefix}:*}}:*", f"~{{{prefix}}}:*")
        client.execute_command("ACL", "SETUSER", prefix, "reset", "on", ">secret", *keys, "+@all", "-hset", "-rename")
        own = replace(settings.redis, username=prefix, password="secret")  # noqa: S106 (the test's own)
        told = Told(replace(settings, redis=own), tmp_path)
        client.execute_command("ACL", "DELUSER", prefix)

    assert told.wrong["redis rights"] == "this user may not hset, rename on the pool's keys"


@pytest.mark.parametrize("system", ["brokers", "redis"])
def test_a_system_that_does_not_answer_is_named_and_the_other_is_still_looked_at(
    settings: Settings, tmp_path: Path, system: str
) -> None:
    nobody = f"127.0.0.1:{pick_free(1)[0]}"
    if system == "brokers":
        settings = replace(settings, kafka=KafkaSettings(client={"bootstrap.servers": nobody}))
    else:
        settings = replace(settings, redis=replace(settings.redis, url=f"redis://{nobody}/0"))

    told = Told(settings, tmp_path)

    assert told.code == Exit.UNAVAILABLE
    assert nobody in told.wrong[system]
    assert any(each["area"] == ("redis" if system == "brokers" else "version") for each in told.all)


def test_a_principal_without_a_right_is_told_which(settings: Settings, tmp_path: Path) -> None:
    with secured_broker(tmp_path / "secured") as secured:
        create(
            plain := replace(settings, kafka=KafkaSettings(client={"bootstrap.servers": secured.broker.bootstrap})),
            Cluster(plain),
        )
        mine = replace(settings, kafka=KafkaSettings(client=secured.client()))
        secured.deny(ResourceType.TOPIC, settings.topics.processed, AclOperation.WRITE)
        secured.deny(ResourceType.GROUP, settings.aggregations_group, AclOperation.READ)

        told = Told(mine, tmp_path)

    wrong = [each["what"] for each in told.all if each["area"] == "rights" and each["level"] == Level.WRONG.value]
    assert wrong == [
        f"topic {settings.topics.processed}: no right to DESCRIBE, WRITE",
        f"group {settings.aggregations_group}: no right to READ",
    ]
    unknown = [each["what"] for each in told.all if each["level"] == Level.UNKNOWN.value]
    assert [what.partition(" ")[0] for what in unknown] == [settings.topics.processed]


def test_a_secret_that_everyone_may_read_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o644)
    told = Told(replace(settings, redis=replace(settings.redis, password_file=str(tmp_path / "password"))), tmp_path)

    assert told.warned["secrets"].startswith(f"{tmp_path / 'password'} has the mode 0644")
