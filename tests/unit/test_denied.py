"""What is said of a denial: which rights are missing, where the brokers tell; the denial alone, where they do not."""

import pytest
from confluent_kafka import KafkaError

from processor.errors import Denied, Exit, Unavailable
from processor.kafka import denied
from processor.kafka.client import GRANT, failure
from processor.kafka.rights import rights
from processor.settings import KafkaSettings, Settings

SETTINGS = Settings(kafka=KafkaSettings(client={"bootstrap.servers": "nowhere:1", "sasl.username": "flusher"}))


def denial(code: int) -> Denied:
    problem = failure(KafkaError(code), "doing it")
    assert isinstance(problem, Denied)
    assert problem.exit_code is Exit.REFUSED
    return problem


def test_of_a_transactional_id_all_rights_of_the_role_are_named() -> None:
    said = str(denied.explained(denial(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED), SETTINGS, "worker"))

    assert said.endswith(f"{GRANT}: flusher lacks WRITE on transactional-id data-processor-flusher")


def test_a_user_who_is_no_role_is_named_and_needs_what_the_process_needs() -> None:
    somebody = Settings(kafka=KafkaSettings(client={"sasl.username": "somebody"}))

    said = str(denied.explained(denial(KafkaError.CLUSTER_AUTHORIZATION_FAILED), somebody, "operator"))

    assert said.endswith("somebody lacks DESCRIBE on cluster kafka-cluster")


def test_another_problem_stays_as_it_is() -> None:
    problem = Unavailable("nobody answers")

    assert denied.explained(problem, SETTINGS, "worker") is problem


@pytest.mark.parametrize(
    ("operations", "lacking"),
    [
        (frozenset({"DESCRIBE", "WRITE"}), {"DESCRIBE_CONFIGS", "READ"}),
        (frozenset({"DESCRIBE", "WRITE", "READ"}), {"DESCRIBE_CONFIGS"}),
        (frozenset(), {"READ", "WRITE"}),
        (None, set()),
    ],
)
def test_only_what_is_surely_missing_is_named(
    operations: frozenset[str] | None, lacking: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denied, "Cluster", lambda _settings: None)
    topic = SETTINGS.topics.aggregations
    every = frozenset(right.operation for right in rights(SETTINGS) if right.user == "flusher") | {"DESCRIBE"}
    monkeypatch.setattr(denied, "topic_operations", lambda _, name: operations if name == topic else every)

    assert {right.operation for right in denied.lacking(SETTINGS, "flusher", "topic")} == lacking
