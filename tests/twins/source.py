"""The worker's input in memory, held by the same contract as the one on Kafka."""

from collections.abc import Callable, Collection, Mapping

from processor.errors import Fenced, Unavailable
from processor.kafka.offsets import Committed
from tests.twins.group import Member, Membership
from tests.twins.kafka import MemoryKafka
from tests.twins.record import MemoryRecord


class MemorySource:
    """A static member of the group; rebalances reach it inside `poll`."""

    def __init__(self, kafka: MemoryKafka, topic: str, instance: str) -> None:
        self.topic = topic
        self.owned: set[int] = set()
        self.moved = True
        self.leaving: Callable[[], object] = lambda: None
        self._kafka = kafka
        self._instance = instance
        self._paused = False
        self._held: set[int] = set()
        self._member: int | None = None
        self._generation = -1
        self._positions: dict[int, int] = {}  # a partition without one is parked at the log's end

    def poll(self, limit: int, _seconds: float) -> list[MemoryRecord]:
        if "kafka" not in self._kafka.network.down:
            self._heartbeat()
        self._kafka.network.disturb("after poll")
        records: list[MemoryRecord] = []
        for partition in sorted(self.owned - self._held) if not self._paused else ():
            records += self._fetch(partition, limit - len(records))
        return records

    def committed(self) -> Mapping[int, Committed]:
        return self._kafka.network.call("kafka", "committed", lambda: self._kafka.stable(self.owned))

    def bounds(self) -> Mapping[int, tuple[int, int]]:
        logs = self._kafka.topics[self.topic]
        return self._kafka.network.call("kafka", "bounds", lambda: {p: (at.low, at.high) for p, at in enumerate(logs)})

    def seek(self, starts: Mapping[int, int]) -> None:
        if not starts.keys() <= self.owned:
            raise Unavailable("the twin: seeking what is not assigned")
        self._positions |= starts
        self._held.clear()
        self.moved = False
        self.resume()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def hold(self, partitions: Collection[int]) -> None:
        self._held |= self.owned.intersection(partitions)

    def membership(self) -> Membership:
        return Membership(self._instance, self._member or 0, self._generation)

    def end(self, partition: int) -> int:
        return self._kafka.topics[self.topic][partition].high

    def close(self) -> None:
        if self.owned:
            self.leaving()
            self._gone(set(self.owned))

    def _heartbeat(self) -> None:
        """Hear of rebalances: first give up, then take over what others gave up."""
        member = self._rejoined()
        if self.owned - member.target:
            self.leaving()
        if self._kafka.group.members.get(self._instance) is not member:
            return  # that took too long: the next poll will hear of it
        self._kafka.group.give_up(member)
        if self.owned - member.owned:
            self._gone(self.owned - member.owned)
        self._kafka.group.take_over(member)
        if member.owned - self.owned:
            self._assigned(member.owned - self.owned)
        self._generation = self._kafka.group.generation

    def _rejoined(self) -> Member:
        group = self._kafka.group
        member = group.members.get(self._instance)
        if member is not None and self._member not in {None, member.number}:
            raise Fenced(f"the twin: another process is {self._instance}")
        if member is None or self._member is None:
            self._gone(set(self.owned))
            member = group.join(self._instance)
            self._member = member.number
        return member

    def _assigned(self, partitions: set[int]) -> None:
        self.owned |= partitions
        self.moved = self._paused = True

    def _gone(self, partitions: set[int]) -> None:
        self.owned -= partitions
        self._held &= self.owned
        self._positions = {p: at for p, at in self._positions.items() if p in self.owned}
        self.moved = self._paused = True

    def _fetch(self, partition: int, limit: int) -> list[MemoryRecord]:
        log = self._kafka.topics[self.topic][partition]
        position = self._positions.setdefault(partition, log.high)
        if not log.low <= position <= log.high:
            self.moved = True  # auto.offset.reset=error
            return []
        records = [record for record, _ in zip(log.read(position), range(limit), strict=False)]
        if records:
            self._positions[partition] = records[-1].offset() + 1
        return records
