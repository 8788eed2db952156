"""The flusher: of all hosts' one leads, and publishes every few seconds how many logins each user has had."""

import os
from secrets import token_hex
from time import monotonic, time
from typing import Protocol

from processor.counts.connection import check_policy, connect
from processor.counts.lease import Lease
from processor.counts.loading import Loading
from processor.counts.snapshot import Snapshots
from processor.errors import Exit, NotReady, Refused, Unavailable
from processor.faults import reach
from processor.kafka import offsets
from processor.kafka.cluster import Cluster, lineage
from processor.kafka.offsets import Checkpoint
from processor.kafka.publisher import Publisher
from processor.leadership import Leadership, TermOver
from processor.log import event
from processor.metrics.meter import add, be, put
from processor.metrics.told import PUBLICATION, TERMS
from processor.outage import Outage
from processor.ownership import OwnershipWatch
from processor.publishing import Publishing
from processor.restore import Restore
from processor.settings import Settings
from processor.stop import Stop
from processor.watch import TopicWatch, TurnWatch

_CALL_SECONDS = 60.0  # one call that takes longer never returns (librdkafka#5456)
_LEAVING_SECONDS = 12.0  # from SIGTERM to the exit at the latest
_NAP_SECONDS = 0.2  # between two looks at what there is to do
_STANDBY_SECONDS = 1.0  # between two tries to become the leader


class Settled(Protocol):
    """What is told that this process did not fail at its start."""

    def settled(self) -> None:
        """It works."""


def run(settings: Settings, restraint: Settled) -> int:
    """Publish, or stand by, until SIGTERM; returns the exit code and raises what ends the process otherwise."""
    return Flusher(settings, restraint).run()


class Flusher:
    """One process that wants to lead.

    It leads in terms. Whatever goes wrong that may go right later ends a term, and the next one begins from nothing
    but what Kafka and Redis say: an outage is survived by the same steps as a crash.
    """

    def __init__(self, settings: Settings, restraint: Settled) -> None:
        self._settings = settings
        self._restraint = restraint
        self._watch = TurnWatch(_CALL_SECONDS)
        self._stop = Stop(self._stopping)
        self._outage = Outage("publishing counts")
        self._pool: Pool | None = None
        self._standing_by = False

    def run(self) -> int:
        """Take turns until SIGTERM, then give the lease back."""
        self._watch.start()
        try:
            while not self._stop.asked:
                self._try()
                self._watch.turned()
                self._stop.wait(_NAP_SECONDS)
        finally:
            self._resign()
        event("stopped")
        return Exit.OK

    def _try(self) -> None:
        try:
            if self._outage.over:
                self._turn()
        except (Unavailable, NotReady) as problem:
            be("waiting")
            self._outage.failed(problem)
        except TermOver as over:
            event("leading no more", why=str(over))

    def _turn(self) -> None:
        if self._pool is None:
            self._pool = Pool(self._settings)
        self._pool.topic.turn()
        leadership = Leadership(self._pool.lease, self._settings.flusher.lease_seconds, self._duties)
        if leadership.gained():
            reach("flusher.after-lease")
            self._standing_by = False
            self._lead(self._pool, leadership)
        else:
            self._stand_by()

    def _stand_by(self) -> None:
        be("standing-by")
        self._outage.ended()
        self._restraint.settled()
        if not self._standing_by:
            self._standing_by = True
            event("standing by: another flusher leads")
        self._stop.wait(_STANDBY_SECONDS)

    def _lead(self, pool: "Pool", leadership: Leadership) -> None:
        """Lead for a term: until the lease is lost, something fails, or the producer can't be trusted any more.

        1. Fence whoever led before. 2. Confirm the lease: it may have been lost meanwhile. 3. Read the checkpoint,
        which from now on only this process can move. 4. Round after round, publish each shard or restore it.
        """
        publisher = Publisher(self._settings, f"{self._settings.host}-flusher", leadership.confirm)
        publisher.ready()
        reach("flusher.after-init")
        leadership.insist()
        publishing = Publishing(pool.snapshots, publisher, checkpoint(self._settings, pool.cluster), leadership.confirm)
        restore = Restore(self._settings, pool.cluster, pool.loading, leadership.confirm)
        event("leading")
        add(TERMS, 1)
        while publisher.sound:
            began = monotonic()
            be("leading")
            self._round(publishing, restore, leadership)
            put(PUBLICATION, time())
            publishing.recommit_after(self._settings.flusher.idle_checkpoint_seconds)
            self._outage.ended()
            self._restraint.settled()
            self._rest(began, publisher, leadership)
        event("beginning another term: a request of this one's producer may have been sent twice")

    def _round(self, publishing: Publishing, restore: Restore, leadership: Leadership) -> None:
        for shard in range(self._settings.redis.shards):
            try:
                publishing.flush(shard)
            except NotReady as problem:
                event("a shard is not ready", why=str(problem))
                leadership.insist()  # what emptied the shard may have taken the lease, too
                restore.run(publishing.checkpoint, publishing.recommit)

    def _rest(self, began: float, publisher: Publisher, leadership: Leadership) -> None:
        while (left := began + self._settings.flusher.interval_seconds - monotonic()) > 0:
            self._stop.wait(min(left, _NAP_SECONDS))
            leadership.confirm()
            publisher.serve()

    def _duties(self) -> None:
        """What has to be done all along, whatever else takes long."""
        self._watch.turned()
        if self._stop.asked:
            raise TermOver("asked to stop")
        if self._pool is not None:
            self._pool.topic.turn()
            self._pool.owners.turn()

    def _stopping(self) -> None:
        be("stopping")
        self._watch.leave_within(_LEAVING_SECONDS)

    def _resign(self) -> None:
        if self._pool is not None:
            self._pool.owners.close()
            try:
                self._pool.lease.release()
            except Unavailable:
                return  # it runs out by itself


def checkpoint(settings: Settings, cluster: Cluster) -> Checkpoint:
    """Up to where user-aggregations is published; raises Refused when that was with another number of shards."""
    found = offsets.checkpoint(settings, cluster)
    refuse_other_shards(settings, found)
    return found


def refuse_other_shards(settings: Settings, found: Checkpoint) -> None:
    """Raise Refused for a checkpoint of another number of shards than the settings'."""
    shards = settings.redis.shards
    if len(found.shards) != shards:
        raise Refused(
            f"{settings.topics.aggregations} was published from {len(found.shards)} shards, but redis.shards is "
            f"{shards}: set it back to {len(found.shards)}, and redis.prefix to where those are; `data-processor "
            "restore --shards` changes the number"
        )


class Pool:
    """What the flusher works on, once all of it could be reached: raises Unavailable until then, and Refused.

    The lineage and the input topic's id are those of the start: a topic made anew is never taken for the old one.
    """

    def __init__(self, settings: Settings) -> None:
        self.cluster = Cluster(settings)
        self.cluster.require_topics()
        owner = f"{settings.host}/flusher/{os.getpid()}/{token_hex(4)}"
        redis = connect(settings.redis, owner)
        check_policy(redis)
        name = settings.topics.input
        self.topic = TopicWatch(lambda: self.cluster.ask(name), name, self.cluster.topic_id(name))
        belongs_to = lineage(settings, self.cluster)
        self.owners = OwnershipWatch(settings)
        self.lease = Lease(redis, settings.redis.prefix, owner, settings.flusher.lease_seconds)
        self.snapshots = Snapshots(redis, settings.redis, belongs_to)
        self.loading = Loading(redis, settings.redis, belongs_to)
