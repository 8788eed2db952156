"""All faults: importing a family registers its kinds."""

from tests.chaos.faults import (
    FAULTS,
    access,
    brokers,
    flushers,
    hosts,
    network,
    points,
    pools,
    questions,
    records,
    redis,
    topics,
    transactions,
    workers,
    zones,
)

__all__ = [
    "FAULTS",
    "access",
    "brokers",
    "flushers",
    "hosts",
    "network",
    "points",
    "pools",
    "questions",
    "records",
    "redis",
    "topics",
    "transactions",
    "workers",
    "zones",
]
