"""Each alert fires for its own fault, for no other, and stops after: asked of promtool, with the rules as shipped."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.stack import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
ALERTS = [name for path in RULES for name in re.findall(r"- alert: (\w+)", path.read_text())]

# Samples are 15 s apart: five quiet minutes, fifteen of the fault, twenty quiet ones again.
QUIET, FAULT, AFTER = 20, 60, 80
DURING, LATER = "19m", "39m"
VM = 'instance="vm-1"'


def steady(value: float) -> str:
    return f"{value}x{QUIET + FAULT + AFTER}"


def gauge(usual: float, wrong: float) -> str:
    return f"{usual}x{QUIET - 1} {wrong}x{FAULT - 1} {usual}x{AFTER}"


def counter(usual: float, wrong: float) -> str:
    first, second = usual * QUIET, usual * QUIET + wrong * FAULT
    return f"0+{usual}x{QUIET - 1} {first}+{wrong}x{FAULT - 1} {second}+{usual}x{AFTER}"


def lag(position: str) -> str:
    return f'login_partition_lag_seconds{{partition="0",position="{position}",{VM}}}'


def offset(position: str) -> str:
    return f'login_partition_position_offset{{partition="0",position="{position}",{VM}}}'


def system(name: str) -> str:
    return f'login_system_up{{system="{name}",{VM}}}'


END = f'login_partition_end_offset{{partition="0",{VM}}}'
CONSUMED = f'login_records_consumed_total{{process="worker-00",partition="0",{VM}}}'
DEAD = f'login_records_dead_lettered_total{{process="worker-00",reason="json",{VM}}}'
STOPPED = f'login_partition_stopped{{partition="0",{VM}}}'
LEASE = f"login_flusher_lease_seconds{{{VM}}}"
SHARD = f'login_shard_ready{{shard="0",{VM}}}'
STARTS = f'login_process_starts_total{{process="worker-00",{VM}}}'
BACKOFF = f'login_supervised_process_state{{process="worker-00",state="backoff",{VM}}}'
REBALANCES = f'login_rebalances_total{{process="worker-00",kind="assigned",{VM}}}'
REPLACED = f'login_producer_replacements_total{{process="worker-00",cause="lost",{VM}}}'
TARGET, RUNNING = (f'login_scaler_workers{{process="scaler",kind="{kind}",{VM}}}' for kind in ("target", "running"))
UP = f'up{{job="data-processor",{VM}}}'
BROKER = 'instance="kafka-1"'
DISK = f'{{role="kafka",fstype="ext4",mountpoint="/",{BROKER}}}'

HEALTHY = {
    UP: steady(1),
    **{lag(position): steady(0) for position in ("committed", "counted", "published")},
    **{offset(position): counter(100, 100) for position in ("committed", "counted", "published")},
    **{system(name): steady(1) for name in ("kafka", "redis", "supervisor")},
    END: counter(100, 100),
    CONSUMED: counter(100, 100),
    DEAD: steady(0),
    STOPPED: steady(0),
    LEASE: steady(14),
    SHARD: steady(1),
    STARTS: steady(1),
    BACKOFF: steady(0),
    REBALANCES: steady(2),
    f'login_owned_partitions{{process="worker-00",{VM}}}': steady(1),
    REPLACED: steady(0),
    TARGET: steady(2),
    RUNNING: steady(2),
    f"kafka_server_replicamanager_underreplicatedpartitions{{{BROKER}}}": steady(0),
    f"kafka_server_replicamanager_underminisrpartitioncount{{{BROKER}}}": steady(0),
    f"kafka_controller_kafkacontroller_offlinepartitionscount{{{BROKER}}}": steady(0),
    f"kafka_controller_kafkacontroller_activecontrollercount{{{BROKER}}}": steady(1),
    'kafka_controller_kafkacontroller_activecontrollercount{instance="kafka-2"}': steady(0),
    f"kafka_log_logmanager_offlinelogdirectorycount{{{BROKER}}}": steady(0),
    f"node_filesystem_avail_bytes{DISK}": steady(50),
    f"node_filesystem_size_bytes{DISK}": steady(100),
    'kafka_consumergroup_lag{consumergroup="data-processor",topic="user-login",partition="0"}': steady(10),
    'kminion_kafka_consumer_group_topic_lag{group_id="data-processor",topic_name="user-login"}': steady(10),
    "redis_up": steady(1),
    "redis_memory_used_bytes": steady(10),
    "redis_memory_max_bytes": steady(100),
    "redis_evicted_keys_total": steady(0),
    "redis_aof_last_write_status": steady(1),
    "redis_rdb_last_bgsave_status": steady(1),
    "node_memory_MemAvailable_bytes": steady(50),
    "node_memory_MemTotal_bytes": steady(100),
    "node_timex_maxerror_seconds": steady(0.01),
    "node_timex_sync_status": steady(1),
}

FAULTS = {
    "ScrapeProblem": {UP: gauge(1, 0)},
    "LoginLagTooLong": {lag("committed"): gauge(0, 300)},
    "LoginNoProgress": {lag("committed"): gauge(0, 100), offset("committed"): counter(100, 0)},
    "LoginPartitionStopped": {
        STOPPED: gauge(0, 1),
        lag("committed"): gauge(0, 100),
        offset("committed"): counter(100, 0),
    },
    "LoginCountsBehind": {lag("counted"): gauge(0, 100)},
    "LoginPublicationBehind": {lag("published"): gauge(0, 200)},
    "LoginNoFlusher": {LEASE: gauge(14, 0)},
    "LoginShardNotReady": {SHARD: gauge(1, 0)},
    "LoginProcessKeepsDying": {STARTS: counter(0, 1)},
    "LoginProcessDown": {BACKOFF: gauge(0, 1)},
    "LoginKafkaUnreachable": {system("kafka"): gauge(1, 0)},
    "LoginRedisUnreachable": {system("redis"): gauge(1, 0)},
    "LoginSupervisorUnreachable": {system("supervisor"): gauge(1, 0)},
    "LoginDeadLetters": {DEAD: counter(0, 5)},
    "LoginRebalanceStorm": {REBALANCES: counter(0, 5)},
    "LoginProducersReplaced": {REPLACED: counter(0, 1)},
    "LoginScalerAtItsLimit": {TARGET: gauge(2, 4), lag("committed"): gauge(0, 100)},
    "NoMessageForTooLong": {END: counter(100, 0)},
    "UnderReplicatedPartitions": {f"kafka_server_replicamanager_underreplicatedpartitions{{{BROKER}}}": gauge(0, 3)},
    "UnderMinIsrPartitionCount": {f"kafka_server_replicamanager_underminisrpartitioncount{{{BROKER}}}": gauge(0, 3)},
    "OfflinePartitions": {f"kafka_controller_kafkacontroller_offlinepartitionscount{{{BROKER}}}": gauge(0, 1)},
    "AbnormalControllerState": {f"kafka_controller_kafkacontroller_activecontrollercount{{{BROKER}}}": gauge(1, 0)},
    "OfflineLogDirectoryCount": {f"kafka_log_logmanager_offlinelogdirectorycount{{{BROKER}}}": gauge(0, 1)},
    "KafkaRunningOutOfSpace": {f"node_filesystem_avail_bytes{DISK}": gauge(50, 10)},
    "TooLargeConsumerGroupLag": {
        'kminion_kafka_consumer_group_topic_lag{group_id="data-processor",topic_name="user-login"}': gauge(10, 2e6)
    },
    "RedisDown": {"redis_up": gauge(1, 0)},
    "RedisRunningOutOfMemory": {"redis_memory_used_bytes": gauge(10, 95)},
    "RedisEvicts": {"redis_evicted_keys_total": counter(0, 1)},
    "RedisDoesNotPersist": {"redis_aof_last_write_status": gauge(1, 0)},
    "HostRunningOutOfMemory": {"node_memory_MemAvailable_bytes": gauge(50, 2)},
    "HostClockIsOff": {"node_timex_maxerror_seconds": gauge(0.01, 16), "node_timex_sync_status": gauge(1, 0)},
}

# Alerts that have two expressions, by the names of two exporters or of two faults: what the other one is for.
OTHER_FAULTS = {
    "TooLargeConsumerGroupLag": {
        'kafka_consumergroup_lag{consumergroup="data-processor",topic="user-login",partition="0"}': gauge(10, 2e6)
    },
    "RedisDoesNotPersist": {"redis_rdb_last_bgsave_status": gauge(1, 0)},
}


def story(name: str | None, series: dict[str, str]) -> dict[str, object]:
    """What promtool is to play: which alerts fire while a fault lasts, and that none does after."""
    firing = 'count by (alertname) (ALERTS{alertstate="firing"})'
    labels = [{"labels": f'{{alertname="{name}"}}', "value": 1}] if name else []
    asked = [(DURING, labels), (LATER, [])]
    return {
        "name": name or "healthy",
        "interval": "15s",
        "input_series": [{"series": each, "values": values} for each, values in series.items()],
        "promql_expr_test": [{"expr": firing, "eval_time": at, "exp_samples": samples} for at, samples in asked],
    }


def promtool(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)


def test_each_alert_fires_for_its_own_fault_only_and_stops_after(tmp_path: Path) -> None:
    faults = [*FAULTS.items(), *OTHER_FAULTS.items()]
    stories = [story(None, HEALTHY), *(story(name, HEALTHY | fault) for name, fault in faults)]
    played = tmp_path / "faults.yml"  # JSON is YAML
    played.write_text(
        json.dumps({"rule_files": [str(p) for p in RULES], "evaluation_interval": "15s", "tests": stories})
    )
    done = promtool("test", "rules", str(played))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_fault_here_and_a_section_in_the_runbook_that_its_link_names() -> None:
    assert sorted(ALERTS) == sorted(FAULTS)
    runbook = (ROOT / "deploy" / "RUNBOOK.md").read_text()
    sections = re.findall(r"^### (\w+)$", runbook, re.MULTILINE)
    assert sorted(sections) == sorted(ALERTS)
    links = re.findall(r"runbook_url: deploy/RUNBOOK.md#(\w+)", "".join(path.read_text() for path in RULES))
    assert links == [name.lower() for name in ALERTS]


def test_an_alert_with_two_expressions_has_a_fault_for_each() -> None:
    texts = [one for path in RULES for one in path.read_text().split("- alert: ")[1:]]
    double = {one.split()[0]: len(re.findall(r"\bor\b", one.partition("labels:")[0])) for one in texts}

    assert dict.fromkeys(OTHER_FAULTS, 1) == {name: more for name, more in double.items() if more}


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_every_alert_says_what_it_means_and_what_to_do(path: Path) -> None:
    text = path.read_text()
    alerts = len(re.findall(r"- alert:", text))
    for said in ("severity:", "summary:", "description:", "action:", "runbook_url:"):
        assert len(re.findall(rf"\b{said}", text)) == alerts


def test_the_configurations_are_sound() -> None:
    assert promtool("check", "config", str(PROMETHEUS / "prometheus.yml")).returncode == 0


def test_what_the_configuration_says_of_secured_exporters_is_valid(tmp_path: Path) -> None:
    text = (PROMETHEUS / "prometheus.yml").read_text()
    secured = text.replace("    # scheme:", "    scheme:").replace("    # tls_config:", "    tls_config:")
    secured = secured.replace("    # authorization:", "    authorization:")
    assert secured.count("\n") == text.count("\n")
    assert len(secured) == len(text) - 6
    (tmp_path / "prometheus.yml").write_text(secured)
    for name in ("ca.pem", "exporter-token"):
        (tmp_path / name).write_text("x")
    (tmp_path / "rules").symlink_to(PROMETHEUS / "rules")
    (tmp_path / "targets").mkdir()

    done = promtool("check", "config", "--syntax-only", str(tmp_path / "prometheus.yml"))

    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        ["amtool", "check-config", str(PROMETHEUS / "alertmanager.yml")], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_rule_names_no_metric_of_the_pool_that_is_not_declared() -> None:
    declared = set(re.findall(r"`(login_\w+)`", (ROOT / "deploy" / "METRICS.md").read_text()))
    text = "".join(path.read_text() for path in RULES)
    used = {re.sub(r"_bucket$", "", name) for name in re.findall(r"\blogin_\w+", text)}
    assert used <= declared
    recorded = set(re.findall(r"- record: (\S+)", text))
    assert set(re.findall(r"\blogin:[\w:]+", text)) <= recorded
