"""The drill-down: one partition, one worker."""

from deploy.grafana.panels import Board, Row, lines

_OF = 'partition=~"$partition"'
_BY = 'process=~"$process"'

PARTITIONS = Row(
    "Partitions",
    (
        lines(
            "Logins a second, by partition",
            "An uneven share is uneven keys.",
            (f"login:consumed_by_partition:rate1m{{{_OF}}}", "{{partition}}"),
            unit="ops",
        ),
        lines(
            "Waiting, by partition",
            "How long the next login has been waiting to be processed.",
            (f'login:partition_lag_seconds:max{{{_OF}, position="committed"}}', "{{partition}}"),
            unit="s",
        ),
        lines(
            "Behind, by partition",
            "Offsets from each position to the log's end.",
            (f"login:partition_lag_records:max{{{_OF}}}", "{{partition}} {{position}}"),
        ),
        lines(
            "Stopped by the breaker",
            "1 while nearly all of a partition's records are malformed; `data-processor resume` goes on.",
            (f"max by (partition) (login_partition_stopped{{{_OF}}})", "{{partition}}"),
        ),
        lines(
            "Progress",
            "Seconds since each partition was last moved, or was found to have nothing to take.",
            (f"time() - max by (partition) (login_last_progress_timestamp_seconds{{{_OF}}})", "{{partition}}"),
            unit="s",
        ),
        lines(
            "The log",
            "Records that the input keeps: what retention passes is refused, not guessed.",
            (
                f"max by (partition) (login_partition_end_offset{{{_OF}}})"
                f" - max by (partition) (login_partition_start_offset{{{_OF}}})",
                "{{partition}}",
            ),
        ),
    ),
)

WORKERS = Row(
    "Workers",
    (
        lines(
            "Where a worker's time goes",
            "One second a second in all. Mostly wait: it has nothing to do. Mostly decode and produce: it is busy.",
            (f"sum by (activity) (rate(login_worker_seconds_total{{{_BY}}}[1m]))", "{{activity}}"),
            unit="percentunit",
            stacked=True,
        ),
        lines(
            "CPU of each process",
            "Cores.",
            (f"rate(login_process_cpu_seconds_total{{{_BY}}}[1m])", "{{instance}} {{process}}"),
        ),
        lines(
            "CPU a login",
            "Microseconds of all workers: what the pool is built to keep low.",
            ("login:cpu_microseconds_a_login:rate5m", "all workers"),
            unit="µs",
        ),
        lines(
            "Memory of each process",
            "Resident; above scaler.worker_memory_mb a worker is drained and started anew.",
            (f"login_process_resident_memory_bytes{{{_BY}}}", "{{instance}} {{process}}"),
            unit="bytes",
        ),
        lines(
            "Logins a batch",
            "The middle and the largest: a transaction is shared by so many.",
            (
                f"histogram_quantile(0.5, sum by (le) (rate(login_batch_records_bucket{{{_BY}}}[5m])))",
                "half have less",
            ),
            (f"histogram_quantile(0.99, sum by (le) (rate(login_batch_records_bucket{{{_BY}}}[5m])))", "p99"),
        ),
        lines(
            "Transactions a second, by outcome",
            "unknown is settled by a new producer.",
            (f"sum by (outcome) (rate(login_transactions_total{{{_BY}}}[1m]))", "{{outcome}}"),
            unit="ops",
        ),
        lines(
            "Starts and rebalances in five minutes",
            "Each costs its partitions a pause.",
            (f"increase(login_process_starts_total{{{_BY}}}[5m])", "{{process}} started"),
            (f"sum by (kind) (increase(login_rebalances_total{{{_BY}}}[5m]))", "{{kind}}"),
        ),
        lines(
            "Queues",
            "Bytes fetched and not taken, produced and not delivered.",
            (f"login_fetch_queue_bytes{{{_BY}}}", "{{process}} fetched"),
            (f"login_send_queue_bytes{{{_BY}}}", "{{process}} to send"),
            unit="bytes",
        ),
        lines(
            "Workers that run, and that the scaler wants",
            "Its log, and `data-processor scaler --dry-run`, say why.",
            ('sum(login_supervised_process_state{process=~"worker-.*", state="running"})', "running"),
            ('max(login_scaler_workers{kind="target"})', "wanted"),
        ),
    ),
)

PARTITIONS_AND_WORKERS = Board(
    "data-processor-parts",
    "data-processor: partitions and workers",
    (PARTITIONS, WORKERS),
    (
        ("partition", "label_values(login_partition_end_offset, partition)"),
        ("process", "label_values(login_process_state, process)"),
    ),
)
