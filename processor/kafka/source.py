"""The worker's input: a static member of the group that polls, and goes where it is told."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from processor.kafka import offsets
from processor.kafka.client import REQUEST_SECONDS, consumer_properties, failure, is_final, translated
from processor.kafka.cluster import Cluster
from processor.kafka.login import Login
from processor.kafka.queued import QUEUED_MILLISECONDS, queued
from processor.log import event
from processor.metrics.meter import add
from processor.metrics.told import REBALANCES
from processor.settings import Settings

# Where an assigned partition waits, paused, until it is told its start: nothing is read there. It must be a number. The
# client looks a logical one up, as the log's end, and when the answer comes after a seek it asks again and goes there:
# all records between are skipped in silence (seen with a slow broker; librdkafka#2256, rd_kafka_toppar_handle_Offset).
_PARKED = 0
_WAKE_SECONDS = 0.5  # a leader answers in milliseconds


class Source:
    """The partitions that the group gave this worker.

    `moved` is set when the assignment changed or a position was lost: nothing may be taken until `seek` said where to
    go on. `leaving` is called before partitions are given up, inside `poll`.
    """

    def __init__(self, settings: Settings, cluster: Cluster, instance: str, client_id: str) -> None:
        self.topic = settings.topics.input
        self.owned: set[int] = set()
        self.moved = True
        self.leaving: Callable[[], object] = lambda: None
        self._settings = settings
        self._cluster = cluster
        self._paused = False
        self._held: set[int] = set()
        self._stopped: set[int] = set()  # where the client gave up fetching: a position that was not in the log
        with translated("joining the group"):
            properties = consumer_properties(settings, client_id, settings.group, instance)
            self._consumer = Consumer({"statistics.interval.ms": QUEUED_MILLISECONDS, **properties, "stats_cb": queued})
            self._consumer.subscribe(
                [self.topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
            )
        self._login = Login(settings.kafka, "consumer")
        self._login.keep(self._consumer)

    def poll(self, limit: int, seconds: float) -> list[Message]:
        """What has arrived, at most `limit` records, waiting at most `seconds`; rebalances happen in here."""
        messages = self._consumer.consume(limit, seconds)
        if any(map(Message.error, messages)):
            return [message for message in messages if not self._failed(message)]
        return messages

    def _failed(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return False
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            self.moved = True  # the position is not in the log any more: looking it up again names what happened
            self._stopped.add(message.partition() or 0)
        elif is_final(error):
            raise failure(error, f"reading {self.topic} in group {self._settings.group}")
        else:  # a lost connection, a moving leader, a topic that is not there: the client tries again by itself
            event("input disturbed", topic=self.topic, error=error.str())
        return True

    def committed(self) -> dict[int, offsets.Committed]:
        """The committed offsets of the owned partitions, once no transaction over them is open."""
        return offsets.committed(self._cluster, self._settings.group, self.topic, self.owned)

    def bounds(self) -> dict[int, tuple[int, int]]:
        """Each partition's first offset and end."""
        return offsets.bounds(self._cluster, self.topic)

    def seek(self, starts: Mapping[int, int]) -> None:
        """Go on at these offsets, all owned partitions; raises Unavailable when the client can't yet."""
        with translated("seeking"):
            for partition, offset in starts.items():
                self._go(TopicPartition(self.topic, partition, offset))
        self._stopped.clear()
        self._held.clear()
        self.moved = False
        self.resume()
        self._wake(starts)

    def _wake(self, partitions: Iterable[int]) -> None:
        """Have each partition's leader asked something, so that the client's thread for it looks what to fetch now.

        Left alone it sleeps for up to a second (librdkafka 2.16: rd_kafka_broker_consumer_serve), a third of the time
        from a worker's death to its partitions' progress (measured).
        """
        with suppress(KafkaException):  # whoever does not answer will not be fetched from either
            for partition in partitions:
                at = TopicPartition(self.topic, partition)
                self._consumer.get_watermark_offsets(at, timeout=_WAKE_SECONDS, cached=False)

    def _go(self, start: TopicPartition) -> None:
        if start.partition in self._stopped:  # it can't be sought: the client would answer _STATE for ever
            self._consumer.incremental_unassign([start])
            self._consumer.incremental_assign([start])
        else:
            self._consumer.seek(start)

    def pause(self) -> None:
        """Take no records, yet stay in the group: `poll` goes on serving it."""
        if not self._paused and self.owned:
            self._consumer.pause(self._at(self.owned))
        self._paused = True

    def resume(self) -> None:
        """Take records again, but of those that are held."""
        if self._paused:
            self._consumer.resume(self._at(self.owned - self._held))
        self._paused = False

    def hold(self, partitions: Collection[int]) -> None:
        """Take no records of these until the next `seek`."""
        self._held |= self.owned.intersection(partitions)
        self._consumer.pause(self._at(self._held))

    def membership(self) -> Any:
        """The membership under which offsets are committed: a former one is fenced (KIP-447)."""
        return self._consumer.consumer_group_metadata()

    def end(self, partition: int) -> int:
        """A partition's end, asked of its leader."""
        at = TopicPartition(self.topic, partition)
        with translated(f"reading the end of {self.topic} partition {partition}"):
            bounds = self._consumer.get_watermark_offsets(at, timeout=REQUEST_SECONDS, cached=False)
        return bounds[1] if bounds else 0

    def close(self) -> None:
        """Leave; a static member's partitions stay its own for a session timeout, so a restart is no rebalance."""
        self._login.keep()
        self._consumer.close()

    def _at(self, partitions: Iterable[int]) -> list[TopicPartition]:
        return [TopicPartition(self.topic, partition) for partition in sorted(partitions)]

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        parked = [TopicPartition(self.topic, at.partition, _PARKED) for at in partitions]
        if parked:
            consumer.incremental_assign(parked)
        self.owned |= {at.partition for at in partitions}
        self._changed("assigned", partitions)

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.leaving()
        self._gone(consumer, partitions, "revoked")

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._gone(consumer, partitions, "lost")

    def _gone(self, consumer: Consumer, partitions: list[TopicPartition], what: str) -> None:
        try:
            consumer.incremental_unassign(partitions)
        except KafkaException:
            consumer.unassign()  # the group already took everything
        self.owned -= {at.partition for at in partitions}
        self._held &= self.owned
        self._stopped &= self.owned
        self._changed(what, partitions)

    def _changed(self, what: str, partitions: list[TopicPartition]) -> None:
        if partitions:
            add(REBALANCES, 1, what)
        self.moved = self._paused = True
        if self.owned:
            self._consumer.pause(self._at(self.owned))
        event(f"partitions {what}", partitions=[at.partition for at in partitions], owned=sorted(self.owned))
