"""librdkafka's settings for each role, and the one place that judges its errors."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from processor.errors import (
    ClientFailed,
    ConfigurationError,
    DataProcessorError,
    Denied,
    Fenced,
    Refused,
    Unavailable,
)
from processor.kafka.login import is_changing, logged_in, merged
from processor.kafka.losses import TOLD_BY_LOSSES, Losses, Retries
from processor.kafka.quiet import QUIET, Seldom
from processor.kafka.rights import Kind
from processor.settings import Settings

Properties = dict[str, Any]

LOG = logging.getLogger("librdkafka")


LOG.addFilter(Seldom())

SESSION_SECONDS = 10  # after so long without a heartbeat a vanished host's partitions move
TRANSACTION_SECONDS = 10  # after so long the broker aborts what a vanished host left open
REQUEST_SECONDS = 5.0  # of one call to the cluster
SLOW_SECONDS = 3.0  # an EndTxn that took longer may have been sent twice, though nothing was heard of it

_CONNECTIONS: Properties = {
    "reconnect.backoff.max.ms": 2000,  # with the default of 10 s, a broker is back long before we notice
    # A broker that vanished closes no connection. Others lead its partitions after 6 s (broker.session.timeout.ms), and
    # we shall have given up by then, too: with the default of 60 s its partitions stood still for 68 s (seen).
    "socket.timeout.ms": 6000,
    "socket.connection.setup.timeout.ms": 6000,
}

_CONSUMER: Properties = {
    "enable.auto.commit": False,  # offsets are committed in the transaction only
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",  # also makes committed() wait for open transactions (stable offsets)
    "auto.offset.reset": "error",  # a lost position is refused, never skipped
    "partition.assignment.strategy": "cooperative-sticky",  # a rebalance moves only what has to move
    "session.timeout.ms": SESSION_SECONDS * 1000,
    "heartbeat.interval.ms": 3000,
    "topic.metadata.refresh.interval.ms": 10_000,  # new partitions are found within half a minute
    "queued.max.messages.kbytes": 16_384,  # the default 64 MB would be most of a worker's memory
    "queued.min.messages": 5_000,  # half a batch ahead: a whole one is no faster, and with one partition 8 MB more
    "fetch.queue.backoff.ms": 10,  # the default 1 s leaves a worker without records after a full queue
}

_PRODUCER: Properties = {
    "enable.idempotence": True,
    "acks": "all",
    "compression.type": "lz4",
    "partitioner": "murmur2_random",  # as Java clients: Flink and ksqlDB co-partition with us
    "linger.ms": 5,  # produce_batch hands over whole batches, so this only gathers the last few
    "retry.backoff.ms": 10,  # with the default 100, back-to-back transactions take 99 ms instead of 12
    "retry.backoff.max.ms": 1000,
    # By default, when no broker answers, all are forgotten and looked up anew; but a producer keeps a forgotten one as
    # its group's coordinator, and send_offsets_to_transaction never returns (librdkafka#5511, #5456).
    "metadata.recovery.strategy": "none",
    "queue.buffering.max.messages": 200_000,
    "queue.buffering.max.kbytes": 131_072,
    "statistics.interval.ms": 1000,  # tells of requests that were sent again: a reason to replace the producer
}

OURS = {"client": _CONNECTIONS, "consumer": _CONSUMER, "producer": _PRODUCER}
"""What is set where nobody says otherwise, by section; librdkafka's defaults hold for the rest."""

_FENCED = {
    KafkaError._FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.PRODUCER_FENCED,
    KafkaError.UNRELEASED_INSTANCE_ID,
}
_DENIED: dict[int, Kind] = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "group",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "cluster",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "transactional-id",
}
_TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}
LOGIN = {
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError.ILLEGAL_SASL_STATE,
}
"""How a refused login may be called."""
_MISCONFIGURED = {KafkaError._INVALID_ARG, *LOGIN}
_CHANGED = "was the password changed? Write the new one to its file (kafka.sasl.password.file): we go on by ourselves"
GRANT = "grant this principal the missing right (`data-processor acls apply`), then start again"
_CURES: tuple[tuple[set[int], type[DataProcessorError], str], ...] = (
    (_TOO_LARGE, Refused, "an output topic takes less than the settings say: see `data-processor topics check`"),
    (LOGIN, ConfigurationError, "check kafka.sasl.username, kafka.sasl.password (or its file), kafka.sasl.mechanisms"),
    (_MISCONFIGURED, ConfigurationError, "check the settings under [kafka]"),
)


class Verdict(Enum):
    """What an error inside a transaction asks for."""

    ABORT = "abort"  # nothing was committed, the producer is sound
    REPLACE = "replace"  # the outcome is unknown: a new producer settles it
    LEAVE = "leave"  # fatal or fenced: this process can't go on


def is_final(error: KafkaError) -> bool:
    """Whether trying again can't help: fatal, fenced, denied, or a setting that is wrong."""
    if error.code() in LOGIN and is_changing():
        return False
    return error.fatal() or error.code() in {KafkaError._FATAL, *_FENCED, *_DENIED, *_MISCONFIGURED}


def verdict(error: KafkaError) -> Verdict:
    """Judge an error of a transactional call by its flags, never by its text (librdkafka's transactions.c)."""
    if error.fatal() or error.code() in {KafkaError._FATAL, *_FENCED, *_DENIED, *_TOO_LARGE}:
        return Verdict.LEAVE
    return Verdict.ABORT if error.txn_requires_abort() else Verdict.REPLACE


def _is_fenced(error: KafkaError) -> bool:
    """Whether another process took this one's identity; a consumer says so only inside a fatal error's text."""
    if error.code() != KafkaError._FATAL:
        return error.code() in _FENCED
    return any(KafkaError(code).str() in error.str() for code in _FENCED)


def failure(error: KafkaError, doing: str) -> DataProcessorError:
    """Turn a client error into ours; `doing` says what was tried, as in "reading the end of user-login"."""
    text = f"Kafka: {doing}: {error.str()} ({error.name()})"
    if _is_fenced(error):
        return Fenced(
            f"{text}: the brokers were out of reach for longer than {SESSION_SECONDS} s and took this process for its "
            f"own successor, a transaction took longer than {TRANSACTION_SECONDS} s, or another process works under "
            "this host name and slot (give each VM its own `host`)"
        )
    if error.code() in LOGIN and is_changing():
        return Unavailable(f"{text}: {_CHANGED}")
    if error.code() in _DENIED:
        return Denied(f"{text}: {GRANT}", _DENIED[error.code()])
    for codes, kind, cure in _CURES:
        if error.code() in codes:
            return kind(f"{text}: {cure}")
    if error.fatal() or error.code() == KafkaError._FATAL:
        return ClientFailed(text)
    return Unavailable(text)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise this project's errors for the client's."""
    try:
        yield
    except KafkaException as problem:
        raise failure(problem.args[0], doing) from problem


def _common(settings: Settings, client_id: str, section: str) -> Properties:
    return {"client.id": client_id, "logger": LOG, **_CONNECTIONS, **logged_in(merged(settings.kafka, section))}


def consumer_properties(settings: Settings, client_id: str, group: str, instance: str | None = None) -> Properties:
    """Settings of a consumer; with `instance` a static member (KIP-345) that keeps its partitions over a restart."""
    static = {"group.instance.id": instance} if instance else {}
    return {**_CONSUMER, **_common(settings, client_id, "consumer"), "group.id": group, **static}


def producer_properties(
    settings: Settings,
    client_id: str,
    transactional_id: str,
    disturbed: Callable[[], None],
    transaction_seconds: int = TRANSACTION_SECONDS,
) -> Properties:
    """Settings of a transactional producer; `disturbed` is called when a request may have been sent again."""
    own: Properties = {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": transaction_seconds * 1000,
        "message.timeout.ms": transaction_seconds * 1000,
        "message.max.bytes": settings.output_max_bytes,
        "error_cb": lambda error: None if error.code() in TOLD_BY_LOSSES else disturbed(),
        "stats_cb": Retries(disturbed),
        "logger": Losses(LOG, disturbed),
        "log_level": 6,  # what a setting keeps out of the log must still be heard
        "log.connection.close": True,
    }
    return {**_PRODUCER, **_common(settings, client_id, "producer"), **own}


def admin(settings: Settings, heard: Callable[[KafkaError], None] | None = None) -> AdminClient:
    """A client for questions about the cluster; whoever wants to hear of its errors has to `poll` it."""
    own: Properties = {"error_cb": heard, "logger": QUIET} if heard else {}
    with translated("creating a client"):
        return AdminClient({**_common(settings, "data-processor-admin", "client"), **own})
