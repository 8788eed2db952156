"""What is known of a pool at one moment, as Kafka and Redis told it."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from processor.counts.hosts import Heard
from processor.counts.reading import ShardState
from processor.counts.stopped import Notice
from processor.kafka.glance import Letters
from processor.kafka.members import Group
from processor.kafka.offsets import Committed


class KafkaFacts(Struct, frozen=True):
    """Read in this order, so that no position lies beyond its end."""

    missing: Sequence[str]  # topics that do not exist; then nothing else is known
    lineage: str = ""  # that this pool's counts must have
    group: Group = Group("unknown", [])
    committed: Mapping[int, Committed] = {}
    checkpoint: Mapping[int, int] = {}  # the least of the shards
    checkpoint_shards: int | None = None  # how many those are; None: there is no checkpoint, or it can't be read
    bounds: Mapping[int, tuple[int, int]] = {}  # of the input: first offset and end
    dead_letters: Letters | None = None


class RedisFacts(Struct, frozen=True):
    """How the shards are, who leads the flushers, and whether this Redis would throw counts away."""

    shards: Sequence[ShardState]
    logins: Sequence[int | None]  # a shard's sum; None where there are too many users to add up in passing
    leader: tuple[str, float] | None  # who, and for how many seconds yet
    refusal: str = ""  # why a pool would not work with it
    stopped: Sequence[Notice] = ()  # the partitions that the breaker stopped
    heard: Sequence[Heard] = ()  # the last word of each host's scaler


class Look(Struct, frozen=True):
    """Both at one moment (monotonic seconds); a text is why a system could not be asked."""

    at: float
    redis: RedisFacts | str
    kafka: KafkaFacts | str
