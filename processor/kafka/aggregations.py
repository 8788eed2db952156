"""user-aggregations as the backup of the counts: every record of it, in the order that restores them."""

from collections.abc import Callable, Iterator, Mapping

from confluent_kafka import Message
from msgspec import DecodeError, json

from processor.errors import Refused
from processor.kafka import offsets, topics
from processor.kafka.cluster import Cluster
from processor.kafka.reader import read
from processor.logins.forgotten import is_marker
from processor.logins.records import Aggregation
from processor.settings import Settings

FORGOTTEN = 0  # the logins of a user whose record is a tombstone

_decode = json.Decoder(Aggregation).decode


def published(
    settings: Settings, cluster: Cluster, confirm: Callable[[], None], ends: Mapping[int, int] | None = None
) -> Iterator[list[tuple[str, int]]]:
    """Yield (user, logins) of all records up to `ends`, in batches; a user may come again and again.

    Without `ends`, up to the topic's present end; what a killed flusher left open there must have been aborted before.
    `confirm` is called while it takes time, and may raise to give up. Raises Refused when the topic can't be a backup.
    """
    topic = settings.topics.aggregations
    policy = topics.properties(cluster, topic)["cleanup.policy"]
    if policy != "compact":
        raise Refused(
            f"Kafka: {topic} has cleanup.policy {policy}, not compact, so it may lack users, and counts restored from "
            "it would be too low. If nothing was deleted from it yet, set the policy to compact and start again; else "
            "`data-processor reset`"
        )
    bounds = offsets.bounds(cluster, topic)
    lows, highs = ({p: at[end] for p, at in bounds.items()} for end in (0, 1))
    for messages in read(settings, topic, lows, highs if ends is None else ends, confirm):
        yield [_parsed(message) for message in messages if not is_marker(message.key())]
        confirm()


def _parsed(message: Message) -> tuple[str, int]:
    """A record's user and logins; its key says whose it is, as it does to compaction."""
    key, value = message.key(), message.value()
    try:
        user = str(key or b"", "utf-8")
        logins = FORGOTTEN if value is None else _decode(value).login_count
        if user and (value is None or logins > 0):
            return user, logins
    except (DecodeError, UnicodeDecodeError, RecursionError):
        pass  # said below
    raise Refused(
        f"Kafka: {message.topic()} partition {message.partition()} offset {message.offset()} is not a user's count: "
        "something else writes to that topic, and counts can't be restored from it"
    )
