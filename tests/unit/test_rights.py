"""Which rights each role has, and what `acls check` makes of those that were given."""

import shlex

import pytest
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from processor.kafka import acls
from processor.kafka.acls import Difference, compare
from processor.kafka.membership import transactional_id as of_worker
from processor.kafka.publisher import transactional_id as of_flusher
from processor.kafka.rights import CLUSTER, ROLES, Right, rights
from processor.settings import Settings, TopicSettings

SETTINGS = Settings(host="vm-1", group="pool", topics=TopicSettings(input="in"))
RIGHTS = rights(SETTINGS)


def given(**changes: object) -> AclBinding:
    """What the one right of the producer looks like in Kafka, but for these changes."""
    usual: dict[str, object] = {
        "restype": ResourceType.TOPIC,
        "name": "in",
        "resource_pattern_type": ResourcePatternType.LITERAL,
        "principal": "User:producer",
        "host": "*",
        "operation": AclOperation.WRITE,
        "permission_type": AclPermissionType.ALLOW,
    }
    return AclBinding(*{**usual, **changes}.values())  # type: ignore[arg-type]


WRITES = Right("producer", "topic", "in", "WRITE")


def allows(user: str, kind: str, name: str, operation: str) -> bool:
    return any(
        (right.user, right.kind, right.operation) == (user, kind, operation)
        and (name.startswith(right.name) if right.prefixed else name == right.name)
        for right in RIGHTS
    )


def test_a_producer_may_write_logins_and_do_nothing_else() -> None:
    assert [right for right in RIGHTS if right.user == "producer"] == [WRITES]


def test_only_an_operator_makes_topics_or_deletes_records_and_nobody_gives_rights_or_changes_a_topic() -> None:
    operations = {role: {right.operation for right in RIGHTS if right.user == role} for role in ROLES}
    assert operations["worker"] == {"READ", "WRITE", "DESCRIBE"}
    assert operations["flusher"] == {"READ", "WRITE", "DESCRIBE", "DESCRIBE_CONFIGS"}
    assert operations["observer"] == {"READ", "DESCRIBE"}
    assert "CREATE" in operations["operator"]
    assert not {"ALTER", "ALTER_CONFIGS", "ALL", "CLUSTER_ACTION"} & set.union(*operations.values())


def test_what_was_processed_is_written_by_workers_and_what_was_counted_by_the_flusher() -> None:
    topics = SETTINGS.topics
    writers = {
        topic: [role for role in ROLES if allows(role, "topic", topic, "WRITE")]
        for topic in (topics.input, topics.processed, topics.aggregations)
    }
    assert writers == {
        "in": ["operator", "producer"],
        topics.processed: ["worker"],
        topics.aggregations: ["flusher", "operator"],
    }


def test_each_process_may_use_its_own_transactional_id() -> None:
    assert allows("worker", "transactional-id", of_worker(SETTINGS, 3), "WRITE")
    assert allows("flusher", "transactional-id", of_flusher(SETTINGS), "WRITE")
    assert not allows("flusher", "transactional-id", of_worker(SETTINGS, 3), "WRITE")
    assert not any(right.kind == "transactional-id" for right in RIGHTS if right.user in {"observer", "producer"})


def test_another_pool_is_out_of_reach() -> None:
    other = set(rights(Settings(group="other", topics=TopicSettings(input="out"))))
    names = {right.name for right in RIGHTS if right.kind == "group"}
    assert names.isdisjoint(right.name for right in other if right.kind == "group")
    assert not any(right.name in {"", "*"} for right in RIGHTS)


def test_a_right_is_an_option_line_of_kafkas_own_tool() -> None:
    lines = [shlex.split(right.command()) for right in RIGHTS]
    assert ["--transactional-id", "pool-", "--resource-pattern-type", "prefixed"] in [line[-4:] for line in lines]
    assert "User:producer" in {line[2] for line in lines}
    assert next(line for line in lines if "--cluster" in line)[-1] == "--cluster", CLUSTER


def test_what_was_given_is_compared_both_ways() -> None:
    assert compare([WRITES], [given()]) == Difference([], [], [])
    assert compare([WRITES], []).lacking == [WRITES]
    found = compare([WRITES], [given(), given(operation=AclOperation.READ)])
    assert found == Difference([], [Right("producer", "topic", "in", "READ")], [])
    assert not found.is_none


def test_users_of_others_are_their_affair() -> None:
    assert compare([WRITES], [given(), given(principal="User:stranger")]).is_none


@pytest.mark.parametrize(
    "changes",
    [
        {"permission_type": AclPermissionType.DENY},
        {"host": "10.0.0.1"},
        {"principal": "User:*"},
        {"restype": ResourceType.UNKNOWN},
    ],
)
def test_what_is_never_given_here_is_named_and_not_taken_for_a_right(changes: dict[str, object]) -> None:
    found = compare([WRITES], [given(**changes)])
    assert (found.lacking, found.excessive, len(found.strange)) == ([WRITES], [], 1)


def test_every_right_comes_back_from_kafka_as_it_was_sent() -> None:
    assert compare(RIGHTS, [acls._binding(right) for right in RIGHTS]).is_none
