"""The names of metrics are a contract; what people read of them is what the code declares."""

import re

import pytest

from processor.metrics.markdown import markdown
from processor.metrics.metric import Kind, Metric
from processor.metrics.table import SECTIONS, TABLE
from tests.stack import ROOT

# Whoever changes a line here breaks dashboards, alerts and scripts of people we don't know. A new metric is a new line.
CONTRACT = """
login_process_state state process state
login_process_starts_total counter process
login_process_start_time_seconds gauge process
login_process_told_timestamp_seconds gauge process
login_records_consumed_total counter process partition
login_records_produced_total counter process partition
login_records_dead_lettered_total counter process reason
login_records_skipped_total counter process sink
login_transactions_total counter process outcome
login_transaction_seconds histogram process phase outcome
login_producer_replacements_total counter process cause
login_batch_records histogram process
login_age_seconds histogram process
login_redis_applies_total counter process outcome
login_redis_apply_seconds histogram process
login_redis_apply_users histogram process
login_worker_seconds_total counter process activity
login_rebalances_total counter process kind
login_fetch_queue_bytes gauge process
login_send_queue_bytes gauge process
login_owned_partitions gauge process
login_stopped_partitions gauge process
login_stalled_partitions gauge process
login_last_progress_timestamp_seconds gauge process partition
login_trace_spans_total counter process outcome
login_users_published_total counter process
login_publish_seconds histogram process
login_last_publication_timestamp_seconds gauge process
login_flusher_terms_total counter process
login_restores_total counter process
login_scaler_workers gauge process kind
login_scaler_rate_records gauge process
login_scaler_changes_total counter process kind
login_partition_start_offset gauge partition
login_partition_end_offset gauge partition
login_partition_position_offset gauge partition position
login_partition_lag_records gauge partition position
login_partition_lag_seconds gauge partition position
login_partition_stopped gauge partition
login_shard_ready gauge shard
login_shard_users gauge shard
login_shard_changed_users gauge shard
login_shard_publishing_users gauge shard
login_shard_restored_users gauge shard
login_dead_letters gauge
login_flusher_lease_seconds gauge
login_supervised_process_state state process state
login_supervised_process_start_time_seconds gauge process
login_process_resident_memory_bytes gauge process
login_process_cpu_seconds_total counter process
login_process_open_files gauge process
login_system_up gauge system
login_system_look_timestamp_seconds gauge system
login_system_look_seconds gauge system
login_ready gauge
login_build_info gauge version python librdkafka host group
"""
METRICS = list(TABLE.values())
BASE_UNITS = {"seconds", "bytes"}


@pytest.fixture(params=METRICS, ids=lambda metric: metric.name)
def metric(request: pytest.FixtureRequest) -> Metric:
    return request.param


def test_names_kinds_and_labels_are_what_they_were() -> None:
    declared = [" ".join([metric.name, metric.kind.value, *metric.labels]) for metric in METRICS]

    assert declared == CONTRACT.split("\n")[1:-1]


def test_no_name_is_declared_twice() -> None:
    assert len(TABLE) == sum(len(section.metrics) for section in SECTIONS)


def test_the_table_for_people_is_up_to_date() -> None:
    assert (ROOT / "deploy" / "METRICS.md").read_text() == markdown()


def test_a_name_follows_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"login(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    for unit in BASE_UNITS:
        assert (unit in metric.name.split("_")) == (metric.unit == unit)
    assert not re.search(r"milli|micro|_ms\b|kilo|minutes", metric.name)


def test_a_label_is_known_and_never_a_user(metric: Metric) -> None:
    few = {"process", "partition", "shard", "state", "reason", "sink", "outcome", "phase", "cause", "activity", "kind"}

    assert set(metric.labels) <= few | {"position", "system", "version", "python", "librdkafka", "host", "group"}
    assert set(metric.values) <= set(metric.labels)


def test_a_histogram_has_rising_bounds_and_nothing_else_has_any(metric: Metric) -> None:
    assert (metric.kind is Kind.HISTOGRAM) == bool(metric.bounds)
    assert list(metric.bounds) == sorted(set(metric.bounds))


def test_each_metric_says_what_it_means_in_one_row(metric: Metric) -> None:
    assert metric.meaning
    assert not set("|\n") & set(metric.meaning)


def test_datadog_reads_every_metric_and_none_of_its_own_tags_is_taken() -> None:
    text = (ROOT / "deploy" / "datadog" / "openmetrics.yaml").read_text()
    (pattern,) = re.findall(r"metrics:\n +- (\S+)", text)
    renamed = set(re.findall(r"^ {6}(\w+): \w+$", text, flags=re.MULTILINE))
    reserved = {"cluster", "env", "host", "service", "version"}

    assert all(re.search(pattern, name) for name in TABLE)
    assert {label for metric in METRICS for label in metric.labels} & reserved <= renamed
