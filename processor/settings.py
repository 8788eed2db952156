"""Every setting, with its default, unit and reason; `config.py` fills these from file and environment."""

from socket import gethostname
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct, field

KafkaValue = str | int | float | bool
KafkaProperties = dict[str, KafkaValue]


class Frozen(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of all settings: immutable, and a misspelt key is an error."""


class KafkaSettings(Frozen, frozen=True):
    """librdkafka's own keys, for every client, and on top for consumers and producers."""

    client: KafkaProperties = field(default_factory=lambda: {"bootstrap.servers": "127.0.0.1:9092"})
    consumer: KafkaProperties = field(default_factory=dict)
    producer: KafkaProperties = field(default_factory=dict)
    plaintext_beyond_loopback: bool = False  # true: logins and passwords may cross a network for anybody to read


class TopicSettings(Frozen, frozen=True):
    """Names and properties of the four topics."""

    input: str = "user-login"
    processed: str = "processed-logins"
    aggregations: str = "user-aggregations"
    dead_letters: str = "user-login-dead-letters"
    partitions: int = 4  # of the input and the processed topic
    aggregations_partitions: int = 4
    dead_letters_partitions: int = 4
    replication_factor: int = 1  # 3 in production, with min_insync_replicas 2
    min_insync_replicas: int = 1
    max_message_bytes: int = 1_048_588  # of the input (Kafka's default); the outputs get headroom above it
    input_retention_ms: int = 604_800_000  # 7 days; -1 keeps everything
    processed_retention_ms: int = 604_800_000
    dead_letters_retention_ms: int = 2_592_000_000  # 30 days: time to look and redrive
    aggregations_compaction_ms: int = (
        86_400_000  # 1 day: after so long at most, a count that was replaced may be deleted
    )


class RedisSettings(Frozen, frozen=True):
    """Where the counts live, and how they are divided."""

    url: str = "redis://127.0.0.1:6379/0"  # rediss:// for TLS; no password in it: see password, password_file
    ca_file: str = ""  # with TLS: who signed its certificate, beside the authorities that this machine trusts
    certificate_file: str = ""  # with TLS: ours, where it asks for one …
    key_file: str = ""  # … and its key, where that lies in another file; no passphrase protects it
    plaintext_beyond_loopback: bool = False  # true: counts and passwords may cross a network for anybody to read
    sentinels: str = ""  # host:port of each Sentinel, commas between: they say where the primary is, not the url's host
    master: str = "data-processor"  # what the Sentinels call it
    sentinel_username: str = ""
    sentinel_password: str = ""
    sentinel_password_file: str = ""
    cluster: str = ""  # host:port of some nodes of a Redis Cluster; the url's host is not used then either
    username: str = ""
    password: str = ""
    password_file: str = ""  # read again with each new connection: it may change while the pool runs
    prefix: str = "logins"  # {prefix:S} is the hash tag of shard S
    shards: int = 1  # 128 at most: all cursors must fit the checkpoint's metadata of 4,096 bytes
    timeout_seconds: float = 5.0  # of one call


class PrivacySettings(Frozen, frozen=True):
    """What becomes of personal data in processed logins and dead letters; the same on all hosts.

    The rest of what a login says is kept. A change is a drain first, then an `audit`, then a deployment: an audit that
    reaches further back finds the older outputs altered.
    """

    ip: Literal["keep", "truncate", "hash", "drop"] = "keep"  # truncate: to /24 or /48; hash: HMAC-SHA256
    ip_key: str = ""  # of the hash, 16 characters at least; another key, other hashes
    ip_key_file: str = ""


class WorkerSettings(Frozen, frozen=True):
    """How a worker divides its time."""

    batch_records: int = 10_000  # at most so many records a transaction
    batch_seconds: float = 0.05  # at most so long gathering them: less where transactions are quick
    unknown_fields: Literal["keep", "drop"] = "keep"
    count_seconds: float = 1.0  # logins of so long are counted by one call to Redis …
    count_users: int = 25_000  # … or of so many users, whichever comes first: such a call keeps Redis for some 50 ms
    pile_users: int = 200_000  # distinct users waiting to be counted, before the worker stops taking records
    pile_bytes: int = 32_000_000
    drain_seconds: float = 15.0  # from SIGTERM to the exit; supervisord's stopwaitsecs is longer
    stall_seconds: float = 60.0  # a partition that stands still for so long while its end moves ends the worker
    idle_seconds: float = 3.0  # without applies, the cursors are read again so often
    breaker_records: int = 10_000  # a partition stops, until `resume`, when of so many records in a row …; 0: never
    breaker_share: float = 0.9  # … more than this share is malformed
    accept_gap: bool = False  # go on at the log's first offset where retention passed a position: logins are lost


class FlusherSettings(Frozen, frozen=True):
    """How often, and under which lease, counts are published."""

    interval_seconds: float = 5.0
    lease_seconds: float = 15.0
    idle_checkpoint_seconds: float = 3600.0  # offsets and an idle transactional.id expire after seven days


class ExporterSettings(Frozen, frozen=True):
    """Where metrics and health are to be had, and how often the exporter asks Kafka, Redis and supervisor."""

    host: str = "127.0.0.1"  # an address of this VM, or 0.0.0.0 or :: for all: beyond loopback with TLS and a token
    port: int = 9464
    interval_seconds: float = 5.0
    certificate_file: str = ""  # for TLS; it, the key and the token are read again when they change
    key_file: str = ""  # of the certificate, where that lies in another file; no passphrase protects it
    token: str = ""  # whoever asks for more than /healthz must bring it: `Authorization: Bearer …`
    token_file: str = ""
    open_beyond_loopback: bool = False  # true: anybody on the network may read the metrics, and others may listen in
    ready_seconds: float = 30.0  # a partition without progress for longer, with logins waiting, makes /readyz say no


class TracesSettings(Frozen, frozen=True):
    """Where each batch's spans are sent; needs the extra `traces`."""

    endpoint: str = ""  # of a collector, by OTLP over HTTP: http://127.0.0.1:4318; nothing is sent where it is empty
    ratio: float = 0.1  # so many of the batches; each is some spans


class ScalerSettings(Frozen, frozen=True):
    """How many workers run on this host, and when one is replaced."""

    min_workers: int = 0  # run here whatever comes in; 0: all slots (supervisord.conf's WORKERS), nothing is scaled
    lag_seconds: float = 15.0  # more workers when the lag is longer, or will be by the time they could help …
    catch_up_seconds: float = 60.0  # … as many as work it off within this time
    cool_down_seconds: float = 300.0  # fewer only after fewer would have done for so long
    interval_seconds: float = 5.0  # between two looks
    host_seconds: float = 15.0  # a host that says nothing for so long is lost: the others take its share
    worker_memory_mb: int = 1_000  # a worker that holds more is drained and restarted; 0: never
    supervisor_socket: str = ""  # default: supervisor.sock in run_directory


class Settings(Frozen, frozen=True):
    """All settings of one host's pool."""

    host: str = field(default_factory=gethostname)  # must differ between VMs, cloned ones too
    group: str = "data-processor"
    run_directory: str = ".local/run"  # locks, restart delays, the audit's baseline
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    topics: TopicSettings = field(default_factory=TopicSettings)
    redis: RedisSettings = field(default_factory=RedisSettings)
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    flusher: FlusherSettings = field(default_factory=FlusherSettings)
    exporter: ExporterSettings = field(default_factory=ExporterSettings)
    traces: TracesSettings = field(default_factory=TracesSettings)
    scaler: ScalerSettings = field(default_factory=ScalerSettings)

    @property
    def supervisor_socket(self) -> str:
        """Where supervisord of this host listens."""
        return self.scaler.supervisor_socket or f"{self.run_directory}/supervisor.sock"

    @property
    def aggregations_group(self) -> str:
        """The group whose committed offsets are the checkpoint of user-aggregations."""
        return f"{self.group}-aggregations"

    @property
    def outputs_group(self) -> str:
        """The group whose committed offsets say, after a reset, from where on the outputs belong to this pool."""
        return f"{self.group}-outputs"

    @property
    def output_max_bytes(self) -> int:
        """What the outputs and the producers accept: above the input's limit, for what a record gains on its way."""
        return self.topics.max_message_bytes + 65_536


def addresses(text: str) -> list[tuple[str, int]]:
    """Read `host:port,host:port`; nothing where it is something else."""
    try:
        found = [urlsplit(f"//{one.strip()}") for one in text.split(",")]
        whole = all(one.hostname and one.port and "@" not in one.netloc and not one.path for one in found)
    except ValueError:  # a port that is no number
        return []
    return [(str(one.hostname), int(one.port or 0)) for one in found] if whole else []
