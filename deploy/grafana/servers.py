"""Brokers, Redis, and the machines under them."""

from deploy.grafana.panels import Board, Row, bad_from, fine_at, lines, number

_TOPICS = 'topic=~".*login.*|user-aggregations"'

KAFKA = Row(
    "Kafka",
    (
        number(
            "Under-replicated partitions",
            "Copies that are missing or late.",
            "sum(kafka_server_replicamanager_underreplicatedpartitions)",
            steps=bad_from(1, 10),
        ),
        number(
            "Below min ISR",
            "Partitions that take no writes.",
            "sum(kafka_server_replicamanager_underminisrpartitioncount)",
            steps=bad_from(1, 1),
        ),
        number(
            "Offline partitions",
            "Without a leader.",
            "max(kafka_controller_kafkacontroller_offlinepartitionscount)",
            steps=bad_from(1, 1),
        ),
        number(
            "Active controllers",
            "Exactly one.",
            "sum(kafka_controller_kafkacontroller_activecontrollercount)",
            steps=((None, "red"), (1, "green"), (2, "red")),
        ),
        number(
            "Offline log directories",
            "Disks that brokers gave up.",
            "sum(kafka_log_logmanager_offlinelogdirectorycount)",
            steps=bad_from(1, 1),
        ),
        number(
            "Least free on a broker's disk",
            "A full disk ends the broker.",
            'min(node_filesystem_avail_bytes{role="kafka"} / node_filesystem_size_bytes{role="kafka"})',
            unit="percentunit",
            steps=((None, "red"), (0.15, "orange"), (0.3, "green")),
        ),
        lines(
            "Records in, by topic",
            "A second, all brokers.",
            (f"sum by (topic) (rate(kafka_server_brokertopicmetrics_messagesin_total{{{_TOPICS}}}[1m]))", "{{topic}}"),
            unit="ops",
        ),
        lines(
            "Bytes in and out",
            "A second, all brokers, all topics; without replication.",
            ('sum(rate(kafka_server_brokertopicmetrics_bytesin_total{topic!=""}[1m]))', "in"),
            ('sum(rate(kafka_server_brokertopicmetrics_bytesout_total{topic!=""}[1m]))', "out"),
            unit="Bps",
        ),
        lines(
            "Log sizes",
            "Of each topic, all copies.",
            (f"sum by (topic) (kafka_log_log_size{{{_TOPICS}}})", "{{topic}}"),
            unit="bytes",
        ),
        lines(
            "How long brokers take",
            "99 of 100 requests that the pool waits for, the slowest broker.",
            ('max by (request) (kafka_network_requestmetrics_totaltimems{quantile="0.99"})', "{{request}}"),
            unit="ms",
        ),
        lines(
            "Request handlers idle",
            "Below a third, a broker is busy; the least of all.",
            ("min by (instance) (kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent)", "{{instance}}"),
            unit="percentunit",
        ),
        lines(
            "Heap of each broker",
            "Used, of the most that it may.",
            ("jvm_heap_used_bytes / jvm_heap_max_bytes", "{{instance}}"),
            unit="percentunit",
        ),
    ),
)

REDIS = Row(
    "Redis",
    (
        number("Redis up", "As redis_exporter sees it.", "min(redis_up)", steps=fine_at(1)),
        number("Users counted", "In all shards.", "sum(max by (shard) (login_shard_users))"),
        number(
            "Bytes a user",
            "Redis' memory over users.",
            "max(redis_memory_used_bytes) / sum(max by (shard) (login_shard_users))",
            unit="bytes",
        ),
        number(
            "Keys evicted", "Any is a count that may be lost.", "sum(redis_evicted_keys_total)", steps=bad_from(1, 1)
        ),
        number(
            "Log written",
            "1 while the append-only log can be written.",
            "min(redis_aof_last_write_status)",
            steps=fine_at(1),
        ),
        number("Shards ready", "1 when all are.", "min(login_shard_ready)", steps=fine_at(1)),
        lines(
            "Applies a second, by outcome",
            "A worker's counts of a batch, with its cursors, in one script.",
            ("sum by (outcome) (rate(login_redis_applies_total[1m]))", "{{outcome}}"),
            unit="ops",
        ),
        lines(
            "How long an apply takes",
            "As workers see it.",
            ("login:redis_apply_seconds:p99_5m", "p99"),
            unit="s",
        ),
        lines(
            "Waiting to be published",
            "Users changed since the last snapshot, and in a snapshot on its way.",
            ("sum(max by (shard) (login_shard_changed_users))", "changed"),
            ("sum(max by (shard) (login_shard_publishing_users))", "publishing"),
        ),
    ),
)

MACHINES = Row(
    "Machines",
    (
        lines(
            "CPU in use",
            "Of all cores.",
            ('1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[1m]))', "{{instance}}"),
            unit="percentunit",
        ),
        lines(
            "Memory available",
            "What the kernel could give.",
            ("node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", "{{instance}}"),
            unit="percentunit",
        ),
        lines(
            "Disks free",
            "Of each file system.",
            (
                'node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs"} / node_filesystem_size_bytes',
                "{{instance}} {{mountpoint}}",
            ),
            unit="percentunit",
        ),
    ),
)

SERVERS = Board("data-processor-servers", "data-processor: brokers, Redis, machines", (KAFKA, REDIS, MACHINES))
