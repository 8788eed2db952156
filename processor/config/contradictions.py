"""Settings that can't work, or not together; each finding names the key to change."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from processor.config import plaintext
from processor.config.finding import Finding
from processor.errors import ConfigurationError
from processor.settings import KafkaProperties, RedisSettings, Settings, addresses

_SIX_DAYS = 6 * 86_400.0
_KAFKA_MAX = 1_000_000_000 - 65_536  # librdkafka's greatest message, less the outputs' headroom

# Key -> the least and the greatest value, units as in settings.py.
_RANGES: dict[str, tuple[float, float]] = {
    "topics.partitions": (1, 10_000),
    "topics.aggregations_partitions": (1, 10_000),
    "topics.dead_letters_partitions": (1, 10_000),
    "topics.replication_factor": (1, 1_000),
    "topics.min_insync_replicas": (1, 1_000),
    "topics.aggregations_compaction_ms": (1, 3_153_600_000_000),  # 100 years
    "topics.max_message_bytes": (1_024, _KAFKA_MAX),  # below, an ordinary login would not fit
    "redis.shards": (1, 128),  # all cursors must fit the checkpoint's metadata
    "redis.timeout_seconds": (0.01, 8),  # a worker waits for one call, and its watchdog ends a turn of 25 s
    "worker.batch_records": (1, 1_000_000),  # what one call of librdkafka hands over at most
    "worker.batch_seconds": (0.001, 5),  # half of how long a transaction may stay open
    "worker.count_seconds": (0, 2),  # status calls counts that stand still for 3 s a problem
    "worker.count_users": (1, 1_000_000),
    "worker.pile_users": (1, 100_000_000),
    "worker.pile_bytes": (1_024, 500_000_000),  # Redis takes 512 MB in one argument
    "worker.drain_seconds": (0.1, 3_600),
    "worker.stall_seconds": (1, 86_400),
    "worker.idle_seconds": (0.1, 3_600),
    "worker.breaker_records": (0, 1_000_000),
    "worker.breaker_share": (0, 1),
    "flusher.interval_seconds": (0.01, 86_400),
    "flusher.lease_seconds": (1, 3_600),
    "flusher.idle_checkpoint_seconds": (1, _SIX_DAYS),  # committed offsets expire after seven days
    "exporter.port": (1, 65_535),
    "exporter.interval_seconds": (0.2, 60),
    "exporter.ready_seconds": (1, 86_400),
    "traces.ratio": (0, 1),
    "scaler.min_workers": (0, 10_000),
    "scaler.lag_seconds": (1, 86_400),
    "scaler.catch_up_seconds": (1, 86_400),
    "scaler.cool_down_seconds": (1, 86_400),
    "scaler.interval_seconds": (0.2, 60),
    "scaler.host_seconds": (1, 3_600),
    "scaler.worker_memory_mb": (0, 1_000_000),
}

_KEY_CHARACTERS = 16

_HOST = re.compile(r"[A-Za-z0-9._-]{1,200}")  # what Kafka takes as a group.instance.id, with room for the slot
_IDENTIFIER = re.compile(r"[!-z|~]{1,200}")  # printable ASCII without blanks and braces: {…} is Redis's hash tag
_TOPIC = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")


def refuse(settings: Settings, origins: Mapping[str, str]) -> None:
    """Raise ConfigurationError for the first thing found."""
    for finding in findings(settings):
        raise ConfigurationError(f"{finding.key}: {finding.problem} ({origins.get(finding.key, 'default')})")


def findings(settings: Settings) -> Iterator[Finding]:
    """Yield everything that can't work."""
    yield from _out_of_range(settings)
    yield from _names(settings)
    yield from _topics(settings)
    yield from _redis(settings)
    yield from _privacy(settings)
    yield from _traces(settings)
    yield from _times(settings)
    yield from _kafka(settings)
    yield from plaintext.findings(settings)


def _out_of_range(settings: Settings) -> Iterator[Finding]:
    for key, (least, greatest) in _RANGES.items():
        section, _, name = key.partition(".")
        value = getattr(getattr(settings, section), name)
        if not least <= value <= greatest:
            yield Finding(key, f"must be from {least:,} to {greatest:,}, not {str(value)[:30]}")


def _names(settings: Settings) -> Iterator[Finding]:
    if not _HOST.fullmatch(settings.host):
        yield Finding("host", f'"{settings.host}" must be 1 to 200 letters, digits, ".", "_" or "-"')
    for key, value in (("group", settings.group), ("redis.prefix", settings.redis.prefix)):
        if not _IDENTIFIER.fullmatch(value):
            yield Finding(key, f'"{value}" must be 1 to 200 printable ASCII characters without blanks, "{{" and "}}"')
    if not settings.run_directory or "\0" in settings.run_directory:
        yield Finding("run_directory", "must name a directory")


def _topics(settings: Settings) -> Iterator[Finding]:
    topics = settings.topics
    names: dict[str, str] = {}
    for key in ("input", "processed", "aggregations", "dead_letters"):
        name = getattr(topics, key)
        if not _TOPIC.fullmatch(name):
            yield Finding(f"topics.{key}", f'"{name}" must be 1 to 249 letters, digits, ".", "_" or "-"')
        if name in names:
            yield Finding(
                f"topics.{key}", f'"{name}" is topics.{names[name]} already; each topic needs a name of its own'
            )
        names[name] = key
    if topics.min_insync_replicas > topics.replication_factor:
        problem = f"{topics.min_insync_replicas} is more than topics.replication_factor {topics.replication_factor}"
        yield Finding("topics.min_insync_replicas", f"{problem}; no write would ever succeed")
    for key in ("input_retention_ms", "processed_retention_ms", "dead_letters_retention_ms"):
        retention = getattr(topics, key)
        if retention != -1 and retention < 1:
            yield Finding(f"topics.{key}", f"must be -1 (keep everything) or at least 1, not {retention:,}")


def _redis(settings: Settings) -> Iterator[Finding]:
    try:
        parts = urlsplit(settings.redis.url)
        valid = parts.scheme == "unix" or (parts.scheme in {"redis", "rediss"} and bool(parts.hostname))
        valid = valid and (parts.port is None or parts.port > 0)
    except ValueError:
        parts, valid = urlsplit(""), False
    if not valid:
        yield Finding("redis.url", "must look like redis://host:6379/0, rediss://host:6379/0 or unix:///path")
    yield from _servers(settings.redis, parts.path)
    if parts.password and settings.redis.password:
        yield Finding("redis.password", "redis.url holds a password too; keep one of them")


def _servers(redis: RedisSettings, database: str) -> Iterator[Finding]:
    for key, given in (("sentinels", redis.sentinels), ("cluster", redis.cluster)):
        if given and not addresses(given):
            yield Finding(f"redis.{key}", "must be host:port of each server, with commas between")
    if redis.key_file and not redis.certificate_file:
        yield Finding("redis.key_file", "is the key of a certificate: name that in redis.certificate_file")
    if redis.sentinels and redis.cluster:
        yield Finding("redis.cluster", "redis.sentinels is given too: a Cluster has no Sentinels, keep one of them")
    if redis.cluster and database.strip("/") not in {"", "0"}:
        yield Finding("redis.url", "names another database than 0, and a Redis Cluster (redis.cluster) has no other")


def _privacy(settings: Settings) -> Iterator[Finding]:
    privacy = settings.privacy
    if privacy.ip == "hash" and len(privacy.ip_key) < _KEY_CHARACTERS:
        said = f"a keyed hash needs a key of {_KEY_CHARACTERS} characters or more, as `openssl rand -hex 32` makes one"
        yield Finding("privacy.ip", f"{said}: name its file in privacy.ip_key_file")


def _traces(settings: Settings) -> Iterator[Finding]:
    endpoint = settings.traces.endpoint
    try:
        parts = urlsplit(endpoint)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        parts, valid = urlsplit(""), False
    if endpoint and (not valid or parts.username or parts.query):
        said = "must look like http://127.0.0.1:4318; a password goes into OTEL_EXPORTER_OTLP_HEADERS"
        yield Finding("traces.endpoint", said)


def _times(settings: Settings) -> Iterator[Finding]:
    worker, timeout = settings.worker, settings.redis.timeout_seconds
    least = worker.batch_seconds + timeout
    if worker.drain_seconds < least:
        problem = f"{worker.drain_seconds:g} s is less than worker.batch_seconds + redis.timeout_seconds ({least:g} s)"
        yield Finding("worker.drain_seconds", f"{problem}; the last batch could not be finished")
    if worker.stall_seconds <= least:
        problem = f"{worker.stall_seconds:g} s is no more than one slow batch takes ({least:g} s)"
        yield Finding("worker.stall_seconds", f"{problem}; the watchdog would end healthy workers")
    if settings.flusher.lease_seconds <= 2 * timeout:
        problem = f"{settings.flusher.lease_seconds:g} s must be more than twice redis.timeout_seconds ({timeout:g} s)"
        yield Finding("flusher.lease_seconds", f"{problem}; one slow answer would lose the lease")
    scaler = settings.scaler
    if scaler.host_seconds < 2 * scaler.interval_seconds:
        problem = (
            f"{scaler.host_seconds:g} s is less than twice scaler.interval_seconds ({scaler.interval_seconds:g} s)"
        )
        yield Finding("scaler.host_seconds", f"{problem}; hosts that are well would be taken for lost")


def _kafka(settings: Settings) -> Iterator[Finding]:
    kafka = settings.kafka
    if not str(kafka.client.get("bootstrap.servers", "")).strip():
        yield Finding("kafka.bootstrap.servers", "must name at least one broker as host:port")
    for section, properties in (("consumer.", kafka.consumer), ("producer.", kafka.producer)):
        if "bootstrap.servers" in properties:
            yield Finding(f"kafka.{section}bootstrap.servers", "all clients use the same brokers: set it under [kafka]")
    given = {**kafka.client, **kafka.consumer}
    session, heartbeat = _whole(given, "session.timeout.ms", 10_000), _whole(given, "heartbeat.interval.ms", 3_000)
    if session is not None and heartbeat is not None and session < 2 * heartbeat:
        key = next(
            f"kafka.{section}{name}"
            for name in ("heartbeat.interval.ms", "session.timeout.ms")
            for section, properties in (("consumer.", kafka.consumer), ("", kafka.client))
            if name in properties
        )
        problem = f"session.timeout.ms {session:,} must be at least twice heartbeat.interval.ms {heartbeat:,}"
        yield Finding(key, f"{problem}; one lost heartbeat would move the partitions")


def _whole(properties: KafkaProperties, key: str, default: int) -> int | None:
    try:
        return int(properties.get(key, default))
    except ValueError:
        return None  # librdkafka itself says what is wrong with it
