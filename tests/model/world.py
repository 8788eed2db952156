"""A whole pool in memory: the real workers on twins of Kafka and Redis, and everything that can happen to them.

Each public method of World is one thing that happens; after any of them the invariants of DESIGN.md hold.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from msgspec import Struct, structs

from processor.counting import Counting
from processor.counts.store import Applied, Conflict, Move
from processor.errors import ClientFailed, Fenced, Unavailable
from processor.logins.count import shard_of
from processor.logins.decode import Decoder
from processor.logins.judge import Judge
from processor.settings import Settings, WorkerSettings
from processor.worker import Worker
from tests.model.hand import Crash, HandClock, HandExecutor
from tests.twins.counts import MemoryCountStore, MemoryRedis, Shard
from tests.twins.kafka import Entry, MemoryKafka, Transaction
from tests.twins.network import Late, Network
from tests.twins.output import MemoryOutput
from tests.twins.source import MemorySource

LINEAGE = "the model's"
WORKER = WorkerSettings(batch_records=4, pile_users=3, idle_seconds=3.0, breaker_records=3, breaker_share=0.34)
SETTINGS = Settings(worker=WORKER)  # two bad records of three in a row stop a partition
ALL = range(100)
BAD, MARKER, ABORTED = "bad", "marker", "aborted"
ORIGIN = 2  # the log's first offset when everything begins


class Broken(AssertionError):  # noqa: N818 - what a failing test says
    """An invariant does not hold."""


class Parts(Struct, frozen=True):
    """What a worker is built of; mutants put something wrong in the place of one."""

    worker: type[Worker] = Worker
    counting: type[Counting] = Counting
    store: type[MemoryCountStore] = MemoryCountStore
    source: type[MemorySource] = MemorySource
    output: type[MemoryOutput] = MemoryOutput
    replaced: dict[str, Any] = {}  # dotted names of the code under test, and what stands there instead


class Process(Struct):
    """A running worker."""

    worker: Worker
    source: MemorySource
    hand: HandExecutor


class Wire:
    """A count store at the other end of the network."""

    def __init__(self, store: MemoryCountStore, network: Network) -> None:
        self._store = store
        self._network = network

    def cursors(self) -> list[dict[int, int]]:
        return self._network.call("redis", "cursors", self._store.cursors)

    def apply(self, shard: int, moves: Sequence[Move], users: Any) -> Applied | Conflict:
        users = dict(users)  # what is sent does not change any more
        return self._network.call("redis", "apply", lambda: self._store.apply(shard, moves, users))


class World:
    """Kafka, Redis, a flusher, and the workers w0, w1 and so on."""

    def __init__(self, workers: int, partitions: int, shards: int, parts: Parts) -> None:
        self.names = [f"w{n}" for n in range(workers)]
        self.partitions = partitions
        self.network = Network()
        self.network.disturb = self.reached
        self.clock = HandClock()
        self.redis = MemoryRedis(shards)
        self.kafka = MemoryKafka(self.network, SETTINGS.topics.input, partitions)
        self.kafka.create(SETTINGS.topics.processed, partitions)
        self.kafka.create(SETTINGS.topics.dead_letters, 2)
        self.processes: dict[str, Process] = {}
        self._parts = parts
        self._saved = [self.redis.save()]
        self._published: list[Shard] = [Shard() for _ in range(shards)]  # user-aggregations and its checkpoint
        self._truth: list[dict[int, str]] = [{} for _ in range(partitions)]  # offset → user, or BAD
        self.happened = 0  # how much of what was planned
        self._armed: dict[str, tuple[int | str, str]] = {}
        self._running: list[str] = []  # whose turn it is, and in whose middle that is
        for log in self.input:
            log.entries += [Entry(None)] * ORIGIN
            log.low = ORIGIN
        self.restore()
        for name in self.names:
            self.start(name)

    @property
    def input(self) -> Any:
        return self.kafka.topics[SETTINGS.topics.input]

    # What happens to the logs.

    def produce(self, partition: int, items: Iterable[str]) -> None:
        """Append records: a user's login, a BAD one, a MARKER, or one that was ABORTED."""
        partition %= self.partitions
        log = self.input[partition]
        for item in items:
            if item == MARKER:
                log.append(None)
                continue
            value = b"{" if item == BAD else b'{"user_id":"%s"}' % item.encode()
            offset = self.kafka.add(SETTINGS.topics.input, partition, b"%d-%d" % (partition, log.high), value, None)
            if item == ABORTED:
                log.entries[offset].transaction = Transaction("aborted")
            else:
                self._truth[partition][offset] = item

    def grow(self) -> None:
        """The topics get one more partition."""
        for topic in (SETTINGS.topics.input, SETTINGS.topics.processed):
            self.kafka.add_partition(topic)
        self._truth.append({})
        self.partitions += 1
        self.kafka.group.grow(self.partitions)

    def retain(self, partition: int) -> None:
        """Retention deletes what no sink needs any more, not even one that goes back."""
        committed = self.kafka.committed.get(partition)
        states = [*self.redis.shards, *self._published, *(shard for saved in self._saved for shard in saved)]
        known = [shard.cursors.get(partition, 0) for shard in states if shard.lineage is not None or shard.cursors]
        if committed is not None and all(shard.cursors for shard in self._published):
            log = self.input[partition]
            log.low = max(log.low, min(committed.offset, *known))

    # What happens to processes.

    def start(self, name: str) -> None:
        """A worker comes up under this name, if none is there."""
        if name in self.processes:
            return
        parts, hand = self._parts, HandExecutor(self.clock)
        source = parts.source(self.kafka, SETTINGS.topics.input, name)
        output = parts.output(self.kafka, SETTINGS, name)
        wire = Wire(parts.store(self.redis, LINEAGE), self.network)
        work = SETTINGS.worker
        counting = parts.counting(wire, work, self.clock, hand)
        judge = Judge(Decoder("keep"), SETTINGS.output_max_bytes, lambda: 0)
        worker = parts.worker(source, output, counting, judge.judge, work, self.clock)
        source.leaving = worker.leaving
        self.processes[name] = Process(worker, source, hand)

    def turn(self, name: str) -> None:
        """A worker takes a turn; one that died was started again."""
        self.start(name)
        self._run(name, lambda process: process.worker.turn())

    def answer(self, name: str) -> None:
        """A worker's counting thread does what it was given."""
        self._run(name, lambda process: process.hand.step())

    def stop(self, name: str) -> None:
        """A worker drains and leaves."""

        def leave(process: Process) -> None:
            process.worker.drain()
            process.source.close()
            raise Crash

        self._run(name, leave)

    def arm(self, name: str, at: int | str, what: str) -> None:
        """At a step that this worker will come to, by number from now or by name, `what` will happen."""
        self._armed[name] = (at, what)

    def crash(self, name: str) -> None:
        """Kill -9 between two turns."""
        self.processes.pop(name, None)

    def expire(self, name: str) -> None:
        """A session times out: of a dead worker, or of one that sleeps and will be a zombie."""
        self.kafka.group.expire(name)

    def rebalance(self, owners: Sequence[int]) -> None:
        """The group divides the partitions anew."""
        targets: dict[str, list[int]] = {}
        members = sorted(self.kafka.group.members)
        for partition in range(self.partitions):
            if members:
                targets.setdefault(members[owners[partition % len(owners)] % len(members)], []).append(partition)
        self.kafka.group.rebalance(targets)

    def go_on(self, name: str, partitions: Iterable[int] = ()) -> None:
        """A person lets a worker's stopped partitions go on, all of them or these."""
        self._run(name, lambda process: process.worker.go_on(set(process.worker.stopped) & set(partitions or ALL)))

    def slow(self, name: str, slow: bool) -> None:
        """Redis takes longer than anyone waits, or not any more."""
        if name in self.processes:
            self.processes[name].hand.slow = slow

    # What happens to servers and network.

    def save(self) -> None:
        """Redis as it is now is what it may go back to."""
        self._saved = [*self._saved[-1:], self.redis.save()]

    def back(self, which: int, shard: int | None = None) -> None:
        """Redis, or one shard of it, is older than it was."""
        saved = MemoryRedis(0)
        saved.go_back(self._saved[which % len(self._saved)])
        for number, old in enumerate(saved.shards):
            if shard is None or shard % len(saved.shards) == number:
                self.redis.shards[number] = old

    def empty(self, shard: int | None = None) -> None:
        """Redis, or one shard of it, lost everything."""
        for number in range(len(self.redis.shards)):
            if shard is None or shard % len(self.redis.shards) == number:
                self.redis.shards[number] = Shard()

    def restore(self) -> None:
        """The flusher restores each empty shard from what was published."""
        for number, shard in enumerate(self.redis.shards):
            if shard.lineage is None:
                was = self._published[number]
                self.redis.load(number, LINEAGE, was.counts, was.cursors)

    def publish(self) -> None:
        """The flusher publishes each shard whose cursors have all reached its checkpoint."""
        for number, (shard, was) in enumerate(zip(MemoryRedis.save(self.redis), self._published, strict=True)):
            if shard.lineage is not None and all(shard.cursors.get(p, -1) >= at for p, at in was.cursors.items()):
                if any(shard.counts.get(user, 0) < logins for user, logins in was.counts.items()):
                    raise Broken(f"a published count went down: {was.counts} → {shard.counts}")
                self._published[number] = shard

    def down(self, server: str, down: bool) -> None:
        """A server does not answer, or does again."""
        (self.network.down.add if down else self.network.down.discard)(server)

    def deliver(self, which: int) -> None:
        """A late request arrives."""
        self.network.deliver(which)

    def time_out(self) -> None:
        """`transaction.timeout.ms` passes for what is open."""
        self.kafka.time_out()

    def tick(self, seconds: float) -> None:
        """Time passes."""
        self.clock.sleep(seconds)

    def work(self) -> None:
        """Everyone works for a second or two."""
        for _ in range(4):
            self._work()

    # What may happen in the middle of a turn.

    def _run(self, name: str, act: Callable[[Process], object]) -> None:
        if name not in self.processes or name in self._running:
            return
        self._running.append(name)
        try:
            act(self.processes[name])
        except (Crash, Fenced, ClientFailed):  # the last two end a process by design
            self.crash(name)
        finally:
            self._running.pop()

    def reached(self, point: str) -> None:
        """A step of whoever runs; what was planned for it happens."""
        if not self._running or self._running[-1] not in self._armed:
            return
        name = self._running[-1]
        at, what = self._armed[name]
        if at in {0, point}:
            del self._armed[name]
            self.happened += 1
            getattr(self, f"_{what}")(name if what in MEANWHILE else point)
        elif isinstance(at, int):
            self._armed[name] = (at - 1, what)

    def _dies(self, _point: str) -> None:
        raise Crash

    def _lost(self, point: str) -> None:
        """Request or answer get lost, wherever there are any."""
        if point.startswith(("before ", "after ")) and not point.endswith(" poll"):
            raise Unavailable(f"lost {point}")

    def _late(self, point: str) -> None:
        if point.startswith("before "):
            raise Late(Unavailable(f"no answer {point}"))

    def _last_words(self, point: str) -> None:
        """It dies while a request is under way."""
        raise Late(Crash()) if point.startswith("before ") else Crash

    def _arrives(self, _name: str) -> None:
        """What is late arrives now."""
        while self.network.late:
            self.deliver(0)

    def _others(self, name: str) -> None:
        """The others go on for a while: the process sleeps in the middle of its turn."""
        for _ in range(3):
            for other in self.names:
                if other != name:
                    self.turn(other)
                    self.answer(other)
                    self.tick(0.1)

    def _zombie(self, name: str) -> None:
        """It sleeps for so long that the others take over."""
        self.expire(name)
        self._others(name)

    def _moved(self, name: str) -> None:
        """A rebalance, in which the others take over what it had."""
        self.rebalance([self.names.index(name) + 1] * self.partitions)
        self._others(name)

    def _back(self, _name: str) -> None:
        self.back(0)

    def _emptied(self, _name: str) -> None:
        self.empty()

    def _restored(self, _name: str) -> None:
        self.empty()
        self.restore()

    # The invariants.

    def check(self) -> None:
        """Invariants 1 and 2 of DESIGN.md, which hold at every instant."""
        for partition in range(self.partitions):
            self._check_outputs(partition)
        for number, shard in enumerate(self.redis.shards):
            if shard.lineage is not None:
                wanted = self._counted(number, shard)
                if shard.counts != wanted:
                    raise Broken(f"shard {number} at {shard.cursors}: {shard.counts}, not {dict(wanted)}")

    def _check_outputs(self, partition: int) -> None:
        committed = self.kafka.committed.get(partition)
        below = {o: user for o, user in self._truth[partition].items() if committed and o < committed.offset}
        topics = self.kafka.topics
        processed = [r.key() for r in topics[SETTINGS.topics.processed][partition].settled()]
        wanted = [b"%d-%d" % (partition, offset) for offset, user in below.items() if user != BAD]
        if processed != wanted:
            raise Broken(f"partition {partition}, committed {committed}: processed {processed}, not {wanted}")
        letters = [dict(r.headers() or ()) for r in topics[SETTINGS.topics.dead_letters][partition % 2].settled()]
        dead = [int(h["dead-letter.offset"]) for h in letters if int(h["dead-letter.partition"]) == partition]
        if dead != [offset for offset, user in below.items() if user == BAD]:
            raise Broken(f"partition {partition}, committed {committed}: dead letters {dead}")

    def _counted(self, number: int, shard: Shard) -> Counter[str]:
        return Counter(
            user
            for partition, logins in enumerate(self._truth)
            for offset, user in logins.items()
            if offset < shard.cursors.get(partition, 0)
            and user != BAD
            and shard_of(user, len(self.redis.shards)) == number
        )

    def come_to_rest(self) -> None:
        """Everything works again, and all that was produced must be processed and counted."""
        self._armed.clear()
        self.network.down.clear()
        while self.network.late:
            self.deliver(0)
        self.time_out()
        for name in self.names:
            if name not in self.processes:
                self.expire(name)
        for _ in range(60):
            self._work()
            self.check()
            if self._all_done():
                return
        raise Broken(f"stands still: committed {self.kafka.committed}, {[s.cursors for s in self.redis.shards]}")

    def _work(self) -> None:
        self.tick(0.5)
        self.restore()
        for name in self.names:
            self.start(name)
            self.slow(name, False)
            self.go_on(name)
            self.turn(name)
            for _ in range(len(self.redis.shards)):
                self.answer(name)
                self.turn(name)

    def _all_done(self) -> bool:
        ends = {p: max(logins) + 1 for p, logins in enumerate(self._truth) if logins}
        sinks = [{p: at.offset for p, at in self.kafka.committed.items()}, *(s.cursors for s in self.redis.shards)]
        return all(sink.get(p, 0) >= end for sink in sinks for p, end in ends.items())


MEANWHILE = {"arrives", "others", "zombie", "moved", "back", "emptied", "restored"}
DISTURBANCES = ["dies", "last_words", "lost", "late", *sorted(MEANWHILE)]

Step = tuple[Any, ...]


class Shape(Struct, frozen=True):
    """How large a world is."""

    workers: int = 2
    partitions: int = 2
    shards: int = 1


def play(shape: Shape, plan: Iterable[Step], parts: Parts = Parts()) -> World:  # noqa: B008 - it is frozen
    """Let a plan's steps happen, each (method, arguments …), then come to rest; raises when something is not right."""
    with _in_place(parts.replaced):
        world = World(*structs.astuple(shape), parts)
        with _in_place({f"{module}.reach": world.reached for module in _REACHING} | {_JITTER: Random(0)}):
            for method, *arguments in plan:
                getattr(world, method)(*arguments)
                world.check()
            world.come_to_rest()
    return world


_JITTER = "processor.outage.random"
_REACHING = ["processor.worker", "processor.counting", "tests.twins.output"]


@contextmanager
def _in_place(replaced: dict[str, Any]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in replaced.items():
            patch.setattr(name, value)
        yield
