import pytest
from msgspec.structs import replace

from processor.kafka.topics import Drift, Found, drifts_of, plans
from processor.settings import Settings, TopicSettings

SETTINGS = Settings(topics=TopicSettings(replication_factor=3, min_insync_replicas=2))
TOPICS = SETTINGS.topics


def as_planned(settings: Settings = SETTINGS) -> dict[str, Found]:
    copies = settings.topics.replication_factor
    return {plan.name: Found(dict.fromkeys(range(plan.partitions), copies), plan.config) for plan in plans(settings)}


def drifts(found: dict[str, Found], settings: Settings = SETTINGS) -> list[Drift]:
    return drifts_of(settings, plans(settings), found)


def with_config(topic: str, **changed: str) -> dict[str, Found]:
    found = as_planned()
    config = {**found[topic].config, **{key.replace("_", "."): value for key, value in changed.items()}}
    return found | {topic: Found(found[topic].replicas, config)}


def with_partitions(**counts: int) -> dict[str, Found]:
    found = as_planned()
    named = {getattr(TOPICS, name): count for name, count in counts.items()}
    return found | {n: Found(dict.fromkeys(range(count), 3), found[n].config) for n, count in named.items()}


def only(found: list[Drift]) -> Drift:
    (drift,) = found
    return drift


def test_topics_as_planned_do_not_drift() -> None:
    assert drifts(as_planned()) == []


def test_the_outputs_have_room_above_the_input() -> None:
    sizes = {plan.name: int(plan.config["max.message.bytes"]) for plan in plans(SETTINGS)}

    assert all(size > sizes[TOPICS.input] for name, size in sizes.items() if name != TOPICS.input)


@pytest.mark.parametrize("plan", plans(SETTINGS), ids=lambda plan: plan.name)
def test_a_missing_topic_is_named_with_what_makes_it(plan: object) -> None:
    name = getattr(plan, "name")  # noqa: B009
    found = {topic: there for topic, there in as_planned().items() if topic != name}

    drift = only(drifts(found))

    assert drift.topic == name
    assert "topics create" in drift.problem


@pytest.mark.parametrize("policy", ["delete", "compact,delete", ""])
def test_aggregations_that_are_not_only_compacted_drift(policy: str) -> None:
    drift = only(drifts(with_config(TOPICS.aggregations, cleanup_policy=policy)))

    assert drift.topic == TOPICS.aggregations
    assert "cleanup.policy" in drift.problem


def test_aggregations_that_were_given_more_partitions_drift() -> None:
    drift = only(drifts(with_partitions(aggregations=6)))

    assert drift.topic == TOPICS.aggregations
    assert "6" in drift.problem


def test_input_and_processed_with_different_partitions_drift_even_where_one_is_as_planned() -> None:
    found = drifts(with_partitions(input=8))

    assert [drift.topic for drift in found] == [TOPICS.input, TOPICS.processed]
    assert "4" in found[1].problem
    assert "8" in found[1].problem


def test_partitions_added_to_both_are_two_drifts_from_the_settings_and_none_from_each_other() -> None:
    assert [drift.topic for drift in drifts(with_partitions(input=8, processed=8))] == [TOPICS.input, TOPICS.processed]


@pytest.mark.parametrize("topic", [TOPICS.processed, TOPICS.aggregations, TOPICS.dead_letters])
def test_an_output_that_takes_no_more_than_the_input_drifts(topic: str) -> None:
    drift = only(drifts(with_config(topic, max_message_bytes=str(TOPICS.max_message_bytes))))

    assert drift.topic == topic
    assert "max.message.bytes" in drift.problem


def test_an_input_that_takes_more_than_the_settings_say_drifts_and_one_that_takes_less_does_not() -> None:
    more, less = str(TOPICS.max_message_bytes + 1), str(TOPICS.max_message_bytes - 1)

    assert only(drifts(with_config(TOPICS.input, max_message_bytes=more))).topic == TOPICS.input
    assert drifts(with_config(TOPICS.input, max_message_bytes=less)) == []


def test_too_few_copies_name_their_partitions() -> None:
    found = as_planned()
    found[TOPICS.input] = Found({0: 3, 1: 2, 2: 3, 3: 1}, found[TOPICS.input].config)

    assert "[1, 3]" in only(drifts(found)).problem


@pytest.mark.parametrize(
    ("racks", "copies", "lie_in", "drifting"),
    [
        (3, 3, {0: 3, 1: 2, 2: 3, 3: 1}, "[1, 3]"),  # as many racks as there are
        (2, 3, {0: 2, 1: 2, 2: 1, 3: 2}, "[2]"),
        (3, 2, {0: 2, 1: 2, 2: 2, 3: 1}, "[3]"),  # two copies can't lie in three
        (1, 3, dict.fromkeys(range(4), 1), ""),
        (0, 3, dict.fromkeys(range(4), 1), ""),  # no broker says where it is
    ],
)
def test_copies_in_fewer_racks_than_there_could_be_name_their_partitions(
    racks: int, copies: int, lie_in: dict[int, int], drifting: str
) -> None:
    settings = replace(SETTINGS, topics=replace(TOPICS, replication_factor=copies))
    found = as_planned(settings)
    found[TOPICS.input] = Found(dict.fromkeys(range(4), copies), found[TOPICS.input].config, lie_in)

    said = [drift.problem for drift in drifts_of(settings, plans(settings), found, racks)]

    assert said == [] if not drifting else [drifting in problem for problem in said] == [True]


def test_fewer_copies_that_must_have_a_write_drift_and_more_do_not() -> None:
    assert only(drifts(with_config(TOPICS.processed, min_insync_replicas="1"))).topic == TOPICS.processed
    assert drifts(with_config(TOPICS.processed, min_insync_replicas="3")) == []


def test_another_retention_drifts() -> None:
    assert "retention.ms" in only(drifts(with_config(TOPICS.input, retention_ms="1000"))).problem


def test_counts_that_were_replaced_go_in_time_and_tombstones_outlive_the_logins_that_they_take_back() -> None:
    config = as_planned()[TOPICS.aggregations].config
    assert int(config["delete.retention.ms"]) > TOPICS.input_retention_ms
    kept = replace(SETTINGS, topics=replace(TOPICS, input_retention_ms=-1))
    (ever,) = (plan.config for plan in plans(kept) if plan.name == TOPICS.aggregations)
    assert 10**12 < int(ever["delete.retention.ms"]) < 2**62, "a broker adds it to its clock"
    for changed, drifting in (
        ({"max_compaction_lag_ms": "1000", "delete_retention_ms": "999999999999"}, None),
        ({"max_compaction_lag_ms": str(2**63 - 1)}, "max.compaction.lag.ms"),
        ({"delete_retention_ms": "86400000"}, "delete.retention.ms"),
    ):
        found = drifts(with_config(TOPICS.aggregations, **changed))
        assert [drift.problem.split()[0] for drift in found] == ([drifting] if drifting else [])


def test_changed_settings_are_what_topics_are_held_against() -> None:
    changed = replace(SETTINGS, topics=replace(TOPICS, partitions=5, dead_letters_retention_ms=-1))

    assert len(drifts(as_planned(), changed)) == 3
