"""What an audit asks, in one place: Kafka, Redis, and the rules by which the log is judged."""

from collections.abc import Callable, Iterator, Mapping

from msgspec.structs import replace

from processor.audit.tally import Column
from processor.counts.connection import connect
from processor.counts.looking import Looking
from processor.counts.reading import Reading
from processor.counts.store import CountStore
from processor.errors import Unavailable
from processor.kafka.cluster import Cluster, lineage
from processor.kafka.reader import read
from processor.logins.batch import Batch, Record, parts
from processor.logins.decode import Decoder
from processor.logins.judge import OVERHEAD_BYTES, Judge
from processor.logins.privacy import redaction
from processor.settings import Settings


class Live:
    """The running system. Raises Unavailable when its topics are missing or nobody answers."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.topics = settings.topics
        self.cluster = Cluster(settings)
        missing = self.cluster.missing()
        if missing:
            raise Unavailable(f"Kafka: no topic {', '.join(missing)}: `data-processor topics create` makes them")
        self.lineage = lineage(settings, self.cluster)
        connection = connect(settings.redis, "data-processor-audit")
        self.store = CountStore(connection, settings.redis, self.lineage)
        self.looking = Looking(connection, settings.redis, self.lineage)
        self.reading = Reading(connection, settings.redis)
        decoder = Decoder(settings.worker.unknown_fields)
        self.redaction = redaction(settings.privacy.ip, settings.privacy.ip_key)
        self._judge = Judge(decoder, settings.output_max_bytes - OVERHEAD_BYTES, lambda: 0, self.redaction)

    def identity(self) -> dict[str, str]:
        """What a baseline belongs to, beside the settings that name its file."""
        ids = {name: self.cluster.topic_id(name) for name in (self.topics.processed, self.topics.dead_letters)}
        return {"lineage": self.lineage, "group": self.settings.group, **ids}

    def judged(
        self,
        starts: Mapping[int, int],
        ends: Mapping[int, int],
        wanted: Callable[[Record], bool] | None = None,
    ) -> Iterator[Batch]:
        """Read the input between these offsets and judge it as the workers do, stamped with the time 0.

        With `wanted` only those records are judged and in the batches, whose ends stay what they are.
        """
        expected = {partition: starts.get(partition, 0) for partition in ends}
        for messages in read(self.settings, self.topics.input, starts, ends):
            for part in parts(messages, expected):
                expected[part.partition] = part.end
                kept = part if wanted is None else replace(part, records=[r for r in part.records if wanted(r)])
                yield self._judge.judge(kept)

    def columns(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[tuple[int, Column]]:
        """Read the offsets and users of the valid logins between these offsets, by partition."""
        for batch in self.judged(starts, ends):
            yield batch.part.partition, column(batch)


def column(batch: Batch) -> Column:
    """The offsets and users of a batch's valid logins."""
    valid = [
        (record.offset() or 0, user)
        for record, user in zip(batch.part.records, batch.users, strict=True)
        if isinstance(user, str)
    ]
    return [offset for offset, _ in valid], [user for _, user in valid]
