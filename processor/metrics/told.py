"""The metrics that a process tells of itself: every process, workers, the flusher, the scaler."""

from typing import get_args

from processor.logins.records import Reason
from processor.metrics.metric import AGES, PROCESS, SECONDS, SIZES, counter, gauge, histogram, states

_OUTCOMES = ("committed", "aborted", "unknown", "refused")

STATES = {
    "worker": ("starting", "waiting", "working", "spare", "stopping"),
    "flusher": ("starting", "waiting", "leading", "standing-by", "stopping"),
    "exporter": ("starting", "working", "stopping"),
    "scaler": ("starting", "waiting", "working", "stopping"),
}
"""What each kind of process may be at."""

# Every process, of itself.

PROCESS_STATE = states(
    "login_process_state",
    "what a process is at: waiting for Kafka, Redis, its place or its turn to start again; a spare worker has no "
    "partition; each kind of process shows its own states only",
    PROCESS,
    state=tuple(dict.fromkeys(state for those in STATES.values() for state in those)),
)
PROCESS_STARTS = counter(
    "login_process_starts_total",
    "starts",
    "how often this process was started since its run directory is there; goes on over restarts",
    PROCESS,
)
PROCESS_START_TIME = gauge(
    "login_process_start_time_seconds", "seconds", "when the running one was started, since the epoch", PROCESS
)
PROCESS_TOLD = gauge(
    "login_process_told_timestamp_seconds",
    "seconds",
    "when it last wrote its numbers, since the epoch: once a second while it lives",
    PROCESS,
)

# Workers.

CONSUMED = counter(
    "login_records_consumed_total", "records", "taken from the input and finished with", PROCESS, "partition"
)
PRODUCED = counter(
    "login_records_produced_total", "records", "written to processed-logins, committed", PROCESS, "partition"
)
DEAD_LETTERED = counter(
    "login_records_dead_lettered_total",
    "records",
    "written to the dead letters, committed",
    PROCESS,
    reason=get_args(Reason),
)
SKIPPED = counter(
    "login_records_skipped_total",
    "records",
    "not written or not counted again after a restart or a step back, because that sink had them already",
    PROCESS,
    sink=("output", "counts"),
)
TRANSACTIONS = counter(
    "login_transactions_total",
    "transactions",
    "ended; unknown: a new producer settled it; refused: the process ended",
    PROCESS,
    outcome=_OUTCOMES,
)
TRANSACTION_SECONDS = histogram(
    "login_transaction_seconds",
    "seconds",
    "a transaction's phases, by how the whole ended; offsets: sending the input's offsets",
    SECONDS,
    PROCESS,
    phase=("produce", "offsets", "commit", "abort"),
    outcome=_OUTCOMES,
)
REPLACEMENTS = counter(
    "login_producer_replacements_total",
    "producers",
    "producers given up for a new one; lost: a connection; resent: a request may have been sent twice; unknown: "
    "nobody knows how a transaction ended; abort: its abort was not answered",
    PROCESS,
    cause=("lost", "resent", "unknown", "abort"),
)
BATCH_RECORDS = histogram(
    "login_batch_records", "records", "of one poll that brought any, all partitions together", SIZES, PROCESS
)
AGE = histogram(
    "login_age_seconds",
    "seconds",
    "a login's age when its output was committed, since its record was written; a sample of each batch, weighted",
    AGES,
    PROCESS,
)
APPLIES = counter(
    "login_redis_applies_total",
    "calls",
    "applies of counts; conflict: Redis stood elsewhere, the worker went back; unavailable: repeated as it was; "
    "not-ready: the shard waits to be restored",
    PROCESS,
    outcome=("applied", "conflict", "unavailable", "not-ready"),
)
APPLY_SECONDS = histogram("login_redis_apply_seconds", "seconds", "one apply, until its answer", SECONDS, PROCESS)
APPLY_USERS = histogram("login_redis_apply_users", "users", "users in one apply", SIZES, PROCESS)
SPENT = counter(
    "login_worker_seconds_total",
    "seconds",
    "where a worker's time goes, one second a second in all; wait: nothing to take; count: piling up, or held up by "
    "Redis; place: looking its positions up",
    PROCESS,
    activity=("poll", "decode", "produce", "commit", "count", "place", "wait"),
)
REBALANCES = counter(
    "login_rebalances_total",
    "rebalances",
    "changes of what a worker owns",
    PROCESS,
    kind=("assigned", "revoked", "lost"),
)
FETCH_QUEUE = gauge(
    "login_fetch_queue_bytes", "bytes", "fetched and not taken yet, at the last look (every 5 s)", PROCESS
)
SEND_QUEUE = gauge(
    "login_send_queue_bytes", "bytes", "produced and not delivered yet, at the last look (every second)", PROCESS
)
OWNED = gauge("login_owned_partitions", "partitions", "that this worker has", PROCESS)
STOPPED = gauge(
    "login_stopped_partitions", "partitions", "of this worker that the breaker stopped; `resume` goes on", PROCESS
)
STALLED = gauge(
    "login_stalled_partitions", "partitions", "of this worker that stand still while their logs grow", PROCESS
)
PROGRESS = gauge(
    "login_last_progress_timestamp_seconds",
    "seconds",
    "when this worker last committed a batch of this partition, or found nothing to take, since the epoch",
    PROCESS,
    "partition",
)
TRACE_SPANS = counter(
    "login_trace_spans_total",
    "spans",
    "of traces, where they are on; failed: the collector did not take them; overflow: too many waited for it",
    PROCESS,
    outcome=("sent", "failed", "overflow"),
)

# The flusher.

PUBLISHED = counter("login_users_published_total", "users", "counts written to user-aggregations, committed", PROCESS)
PUBLISH_SECONDS = histogram(
    "login_publish_seconds", "seconds", "publishing one shard's changes, from the snapshot to the commit", AGES, PROCESS
)
PUBLICATION = gauge(
    "login_last_publication_timestamp_seconds",
    "seconds",
    "when the leader last finished a round over all shards, with or without changes, since the epoch",
    PROCESS,
)
TERMS = counter("login_flusher_terms_total", "terms", "how often it began to lead", PROCESS)
RESTORES = counter("login_restores_total", "restores", "of emptied shards from user-aggregations, finished", PROCESS)

# The scaler.

SCALER_WORKERS = gauge(
    "login_scaler_workers",
    "workers",
    "its last decision: how many run in the pool, shall run there, and shall run on this VM; its log says why",
    PROCESS,
    kind=("running", "target", "share"),
)
SCALER_RATE = gauge(
    "login_scaler_rate_records", "records", "what one worker does in a second that has enough to do, measured", PROCESS
)
SCALER_CHANGES = counter(
    "login_scaler_changes_total",
    "changes",
    "workers that it started, stopped, or replaced because of their memory; processes tried again that were given up",
    PROCESS,
    kind=("started", "stopped", "replaced", "revived"),
)

OF_PROCESS = (PROCESS_STATE, PROCESS_STARTS, PROCESS_START_TIME, PROCESS_TOLD)
OF_WORKER = (
    *(CONSUMED, PRODUCED, DEAD_LETTERED, SKIPPED, TRANSACTIONS, TRANSACTION_SECONDS, REPLACEMENTS),
    *(BATCH_RECORDS, AGE, APPLIES, APPLY_SECONDS, APPLY_USERS, SPENT, REBALANCES, FETCH_QUEUE, SEND_QUEUE),
    *(OWNED, STOPPED, STALLED, PROGRESS, TRACE_SPANS),
)
OF_FLUSHER = (PUBLISHED, PUBLISH_SECONDS, PUBLICATION, TERMS, RESTORES)
OF_SCALER = (SCALER_WORKERS, SCALER_RATE, SCALER_CHANGES)
BY = {"worker": OF_WORKER, "flusher": OF_FLUSHER, "exporter": (), "scaler": OF_SCALER}
"""What each kind of process tells besides."""
