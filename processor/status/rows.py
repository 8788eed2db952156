"""The rows of a picture: what `status` says of one partition, shard or host."""

from typing import Literal

from msgspec import Struct

Lineage = Literal["ok", "missing", "other", "unknown"]


class Partition(Struct, frozen=True):
    """One partition of the input; a lag is the log's end less a position, None where the position can't be known."""

    partition: int
    host: str | None  # its owner's; None = nobody has it
    slot: int | None
    end: int
    committed_lag: int
    counted_lag: int | None
    published_lag: int
    rate: float | None  # logins a second; None after a single look


class Shard(Struct, frozen=True):
    """One shard of the counts."""

    shard: int
    lineage: Lineage
    users: int
    logins: int | None  # None where there are too many users to add them up in passing
    restoring: int | None  # users loaded so far by a restore


class Flusher(Struct, frozen=True):
    """Who publishes, and for how long the lease runs yet (seconds)."""

    owner: str
    lease_seconds: float


class Host(Struct, frozen=True):
    """One VM of the pool: what it has, and whether anything is heard of it."""

    host: str
    workers: int
    spare_workers: int
    partitions: int
    lag: int  # records of its partitions that are not processed yet
    rate: float | None
    leads: bool  # its flusher publishes
    heard_seconds: float | None  # since its scaler's last word; None where none is heard
