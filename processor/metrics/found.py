"""The metrics that the exporter finds out: of the pool, by asking Kafka and Redis, and of its VM."""

from processor.metrics.metric import PROCESS, counter, gauge, states

POSITIONS = ("committed", "counted", "published")
SYSTEMS = ("kafka", "redis", "supervisor")
_SUPERVISOR_STATES = ("stopped", "starting", "running", "backoff", "stopping", "exited", "fatal", "unknown")

# The pool, as the exporter finds it.

START_OFFSET = gauge("login_partition_start_offset", "offset", "the log's first", "partition")
END_OFFSET = gauge("login_partition_end_offset", "offset", "the log's end", "partition")
POSITION = gauge(
    "login_partition_position_offset",
    "offset",
    "the next to process, to count, to publish; absent where it can't be known",
    "partition",
    position=POSITIONS,
)
LAG_RECORDS = gauge(
    "login_partition_lag_records", "records", "offsets from a position to the end", "partition", position=POSITIONS
)
LAG_SECONDS = gauge(
    "login_partition_lag_seconds",
    "seconds",
    "how long the next login at a position has been waiting; 0 where only transaction markers lie ahead",
    "partition",
    position=POSITIONS,
)
PARTITION_STOPPED = gauge(
    "login_partition_stopped", "", "1 while the breaker keeps a partition stopped; `resume` goes on", "partition"
)
SHARD_READY = gauge("login_shard_ready", "", "1 where counts are this pool's, 0 while restored or of another", "shard")
SHARD_USERS = gauge("login_shard_users", "users", "counted in a shard", "shard")
SHARD_CHANGED = gauge("login_shard_changed_users", "users", "changed since the last snapshot", "shard")
SHARD_PUBLISHING = gauge("login_shard_publishing_users", "users", "in a snapshot on its way to Kafka", "shard")
SHARD_RESTORED = gauge("login_shard_restored_users", "users", "loaded so far by a restore under way", "shard")
LETTERS = gauge(
    "login_dead_letters", "records", "offsets in the dead letters' topic: letters, with the markers among them"
)
LEASE = gauge("login_flusher_lease_seconds", "seconds", "for how long the flushers' leader leads yet; 0: none does")

# One VM, as the exporter finds it.

SUPERVISED_STATE = states(
    "login_supervised_process_state",
    "each process as supervisor sees it",
    PROCESS,
    state=_SUPERVISOR_STATES,
)
SUPERVISED_SINCE = gauge(
    "login_supervised_process_start_time_seconds",
    "seconds",
    "when supervisor last started it, since the epoch",
    PROCESS,
)
MEMORY = gauge("login_process_resident_memory_bytes", "bytes", "memory of a supervised process", PROCESS)
CPU = counter("login_process_cpu_seconds_total", "seconds", "CPU of a supervised process", PROCESS)
OPEN_FILES = gauge("login_process_open_files", "files", "open files and connections of a supervised process", PROCESS)
REACHABLE = gauge("login_system_up", "", "1 when the exporter's last look at a system was answered", system=SYSTEMS)
LOOKED = gauge(
    "login_system_look_timestamp_seconds", "seconds", "when a look was last answered, since the epoch", system=SYSTEMS
)
LOOK_SECONDS = gauge("login_system_look_seconds", "seconds", "how long the last look took", system=SYSTEMS)
READY = gauge("login_ready", "", "what /readyz says: 1 when all of this VM's workers get on")
BUILD = gauge("login_build_info", "", "always 1; what runs here", "version", "python", "librdkafka", "host", "group")

OF_POOL = (
    *(START_OFFSET, END_OFFSET, POSITION, LAG_RECORDS, LAG_SECONDS, PARTITION_STOPPED, SHARD_READY, SHARD_USERS),
    *(SHARD_CHANGED, SHARD_PUBLISHING, SHARD_RESTORED, LETTERS, LEASE),
)
OF_VM = (
    *(SUPERVISED_STATE, SUPERVISED_SINCE, MEMORY, CPU, OPEN_FILES, REACHABLE, LOOKED, LOOK_SECONDS),
    *(READY, BUILD),
)
