"""`data-processor topics`, on a real broker."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions
from msgspec.structs import replace

from processor.errors import Exit
from processor.settings import Settings
from tests.command import only_line, run
from tests.stack import delete_topics, topic_names


@pytest.fixture
def without_topics(settings: Settings) -> Iterator[Settings]:
    """Settings whose topics are not there yet, and are not afterwards."""
    yield settings
    delete_topics(settings)


def admin(settings: Settings) -> AdminClient:
    return AdminClient({"bootstrap.servers": settings.kafka.client["bootstrap.servers"]})


def configure(settings: Settings, topic: str, **config: str) -> None:
    entries = [
        ConfigEntry(key.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
        for key, value in config.items()
    ]
    resource = ConfigResource("topic", topic, incremental_configs=entries)
    client = admin(settings)
    for altered in client.incremental_alter_configs([resource]).values():
        altered.result(30)


def add_partitions(settings: Settings, topic: str, total: int) -> None:
    client = admin(settings)
    for added in client.create_partitions([NewPartitions(topic, total)]).values():
        added.result(30)


def test_topics_that_were_created_are_as_the_settings_say(without_topics: Settings, tmp_path: Path) -> None:
    created = run(without_topics, tmp_path, "topics", "create")
    checked = run(without_topics, tmp_path, "topics", "check")

    assert (created.returncode, created.stderr) == (Exit.OK, "")
    assert [line.split(":")[0] for line in created.stdout.splitlines()] == topic_names(without_topics)
    assert created.stdout.count("created") == 4
    assert (checked.returncode, only_line(checked.stdout)) == (Exit.OK, "The topics are as the settings say.")


def test_creating_again_changes_nothing_and_makes_what_is_missing(without_topics: Settings, tmp_path: Path) -> None:
    run(without_topics, tmp_path, "topics", "create")
    delete_topics(without_topics, only=[without_topics.topics.processed])

    again = run(without_topics, tmp_path, "topics", "create", "--json")

    assert again.returncode == Exit.OK
    said = json.loads(again.stdout)
    assert said["created"] == [without_topics.topics.processed]
    assert len(said["existed"]) == 3
    assert said["drifts"] == []


@pytest.mark.usefixtures("topics")
def test_each_drift_is_named_and_ends_with_1(settings: Settings, tmp_path: Path) -> None:
    topics = settings.topics
    configure(settings, topics.aggregations, cleanup_policy="compact,delete")
    configure(settings, topics.dead_letters, max_message_bytes="1000000")
    add_partitions(settings, topics.input, 6)

    checked = run(settings, tmp_path, "topics", "check", "--json")

    said = json.loads(checked.stdout)
    assert (checked.returncode, said["ok"]) == (Exit.DIFFERENCE, False)
    named = {(drift["topic"], drift["problem"].split()[0]) for drift in said["drifts"]}
    assert named == {
        (topics.aggregations, "cleanup.policy"),
        (topics.dead_letters, "max.message.bytes"),
        (topics.input, "has"),
        (topics.processed, "has"),
    }
    assert len(run(settings, tmp_path, "topics", "check").stdout.splitlines()) == 4


def test_topics_that_are_missing_are_a_drift(settings: Settings, tmp_path: Path) -> None:
    checked = run(settings, tmp_path, "topics", "check")

    assert checked.returncode == Exit.DIFFERENCE
    assert checked.stdout.count("does not exist; `data-processor topics create` makes it") == 4


def test_more_copies_than_brokers_is_a_matter_of_the_settings(without_topics: Settings, tmp_path: Path) -> None:
    settings = replace(without_topics, topics=replace(without_topics.topics, replication_factor=3))

    created = run(settings, tmp_path, "topics", "create")

    assert created.returncode == Exit.USAGE
    assert "check the settings under [topics]" in only_line(created.stderr)
