"""The worker's output in memory, held by the same contract as the one on Kafka."""

from collections.abc import Mapping, Sequence

from processor.errors import Unavailable
from processor.faults import reach
from processor.kafka.dead_letters import dead_letter
from processor.kafka.offsets import Committed
from processor.logins.batch import Batch
from processor.logins.headers import Headers
from processor.logins.privacy import redaction
from processor.logins.records import Rejected
from processor.settings import Settings
from tests.twins.group import Membership, Stale
from tests.twins.kafka import MemoryKafka
from tests.twins.record import MemoryRecord


class MemoryOutput:
    """A transactional producer that begins a new epoch after every outcome that is not known."""

    def __init__(self, kafka: MemoryKafka, settings: Settings, transactional_id: str) -> None:
        self._kafka = kafka
        self._settings = settings
        self._id = transactional_id
        self._epoch: int | None = None
        self._redaction = redaction(settings.privacy.ip, settings.privacy.ip_key)

    def ready(self) -> None:
        if self._epoch is None:
            self._epoch = self._kafka.network.call("kafka", "init", lambda: self._kafka.init(self._id))

    def write(self, batches: Sequence[Batch], ends: Mapping[int, tuple[int, str]], membership: Membership) -> None:
        self.ready()
        epoch, network = self._epoch or 0, self._kafka.network
        offsets = {partition: Committed(*end) for partition, end in ends.items()}
        try:
            for batch in batches:
                network.call("kafka", "produce", lambda b=batch: self._produce(b, epoch))
            reach("worker.after-produce")
            network.call("kafka", "offsets", lambda: self._kafka.send_offsets(self._id, epoch, offsets, membership))
            reach("worker.before-commit")
            network.call("kafka", "commit", lambda: self._kafka.end(self._id, epoch, commit=True))
        except Stale as problem:
            self._abort(epoch)
            raise Unavailable("the twin: aborted") from problem
        except Unavailable:
            self._unknown()
            raise

    def _abort(self, epoch: int) -> None:
        try:
            self._kafka.network.call("kafka", "abort", lambda: self._kafka.end(self._id, epoch, commit=False))
        except Unavailable:
            self._unknown()

    def _unknown(self) -> None:
        """Nobody knows whether the transaction was ended, or may be later: only a new epoch settles that."""
        self._epoch = None

    def _produce(self, batch: Batch, epoch: int) -> None:
        topics, partition = self._settings.topics, batch.part.partition
        headers = batch.headers or [None] * len(batch.values)
        for key, value, carried in zip(batch.keys, batch.values, headers, strict=True):
            if value is not None:
                self._send(epoch, topics.processed, self._place(partition, key), key, value, carried)
        letters = partition % len(self._kafka.topics[topics.dead_letters])
        for record, why in zip(batch.part.records, batch.users, strict=True):
            if isinstance(why, Rejected):
                letter = dead_letter(topics.input, record, why, self._settings.output_max_bytes, self._redaction)
                self._send(epoch, topics.dead_letters, letters, letter.key, letter.value, letter.headers)

    def _place(self, partition: int, key: bytes | None) -> int:
        topics = self._settings.topics
        processed = len(self._kafka.topics[topics.processed])
        if processed == len(self._kafka.topics[topics.input]):
            return partition
        return (murmur2(key or b"") & 0x7FFF_FFFF) % processed

    def _send(
        self, epoch: int, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Headers | None
    ) -> None:
        offset = self._kafka.topics[topic][partition].high
        self._kafka.write(self._id, epoch, topic, MemoryRecord((partition, offset), key, value, headers))


def murmur2(data: bytes) -> int:
    """The hash by which Java clients choose a partition (org.apache.kafka.common.utils.Utils.murmur2), unsigned."""
    m, mask = 0x5BD1E995, 0xFFFF_FFFF
    h = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15
