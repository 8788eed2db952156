"""The first screen, which answers whether all is healthy, keeps up, and is exact."""

from deploy.grafana.panels import Board, Row, bad_from, fine_at, lines, number

_YES_NO = {"0": "NO", "1": "yes"}

HEALTHY = Row(
    "Healthy?",
    (
        number(
            "All VMs ready",
            "What /readyz of every VM says: 1 while all of its workers get on.",
            "min(login_ready)",
            steps=fine_at(1),
            words=_YES_NO,
        ),
        number(
            "Alerts",
            "How many fire now; deploy/RUNBOOK.md has a section for each.",
            'count(ALERTS{alertstate="firing"}) or vector(0)',
            steps=bad_from(1, 3),
        ),
        number(
            "Workers at work",
            "Worker processes that own partitions and get on.",
            'sum(login_process_state{process=~"worker-.*", state="working"})',
            steps=fine_at(1),
        ),
        number(
            "Kafka, Redis, supervisor",
            "The least of what every VM reaches: 1 when all answer.",
            "min(login_system_up)",
            steps=fine_at(1),
            words=_YES_NO,
        ),
        number(
            "Flusher leads",
            "Seconds left of the lease under which one flusher publishes.",
            "max(login_flusher_lease_seconds)",
            unit="s",
            steps=fine_at(1),
        ),
        number(
            "Restarts in an hour",
            "Starts of any process beyond the first.",
            "sum(increase(login_process_starts_total[1h]))",
            steps=bad_from(5, 20),
        ),
    ),
)

KEEPING_UP = Row(
    "Keeping up?",
    (
        lines(
            "Logins a second",
            "What comes in, and what is processed: together as long as the pool keeps up.",
            ("login:appended:rate1m", "appended"),
            ("login:consumed:rate1m", "processed"),
            unit="ops",
        ),
        lines(
            "How long the next login has been waiting",
            "The worst partition, for each position. Published lags by the flusher's interval.",
            ("login:lag_seconds:max", "{{position}}"),
            unit="s",
            steps=bad_from(60, 120),
        ),
        lines(
            "Age of a login when it is committed",
            "From its record's writing to its output's commit, 99 of 100; and how long transactions take.",
            ("login:age_seconds:p99_5m", "login, p99"),
            ("login:transaction_seconds:p99_5m", "{{phase}}, p99"),
            unit="s",
        ),
    ),
)

EXACT = Row(
    "Exact?",
    (
        lines(
            "Dead letters a second",
            "What was no login, by reason.",
            ("login:dead_lettered:rate5m > 0 or login:dead_lettered:rate5m", "{{reason}}"),
            unit="ops",
            height=5,
        ),
        lines(
            "Positions of the sinks",
            "Offsets that the counts and the published counts are behind the output: they follow, and never get stuck.",
            (
                'sum(login:partition_lag_records:max{position="counted"})'
                ' - sum(login:partition_lag_records:max{position="committed"})',
                "counted behind committed",
            ),
            (
                'sum(login:partition_lag_records:max{position="published"})'
                ' - sum(login:partition_lag_records:max{position="committed"})',
                "published behind committed",
            ),
            height=5,
        ),
        lines(
            "Steps back, and what they cost",
            "Redis stood elsewhere; producers replaced; records not written or counted again. None of it is an error.",
            ('sum(increase(login_redis_applies_total{outcome="conflict"}[5m]))', "applies refused"),
            ("sum(increase(login_producer_replacements_total[5m]))", "producers replaced"),
            ("sum by (sink) (increase(login_records_skipped_total[5m]))", "skipped: {{sink}}"),
            height=5,
        ),
    ),
)

OVERVIEW = Board("data-processor", "data-processor: overview", (HEALTHY, KEEPING_UP, EXACT))
