"""One slot's process: builds a worker, runs it until told to stop, and knows when to end instead."""

from collections.abc import Callable
from time import monotonic, time, time_ns

from processor.counting import Counting
from processor.counts.connection import check_policy, connect
from processor.counts.stopped import Notices
from processor.counts.store import CountStore
from processor.errors import Exit, NotReady, PositionLost, Unavailable
from processor.kafka import membership
from processor.kafka.cluster import Cluster, lineage
from processor.kafka.output import Output
from processor.kafka.source import Source
from processor.log import event
from processor.logins.decode import Decoder
from processor.logins.judge import OVERHEAD_BYTES, Judge
from processor.logins.privacy import redaction
from processor.metrics.meter import be, keep, put, sampling
from processor.metrics.told import OWNED, PROGRESS, STALLED, STOPPED
from processor.noticeboard import Noticeboard
from processor.outage import Outage
from processor.restraint import Restraint
from processor.settings import Settings
from processor.stop import Stop
from processor.tidying import Tidying
from processor.traces.begin import begin
from processor.watch import StallWatch, TopicWatch, TurnWatch
from processor.worker import Worker

_TURN_SECONDS = 25.0  # the longest honest turn: a transaction whose every call is given up on takes 15
_SETTLED_SECONDS = 30.0  # a process that lived so long did not fail at its start


def milliseconds() -> int:
    """The clock of `processed_timestamp`."""
    return time_ns() // 1_000_000


class Slot:
    """A worker with what surrounds it: start, stop, and the watches."""

    def __init__(self, settings: Settings, slot: int, held: Restraint) -> None:
        self._settings = settings
        self._slot = slot
        self._held = held
        self._watch = TurnWatch(_TURN_SECONDS)
        self._traces = begin(settings, membership.worker_name(slot), membership.client_id(settings, slot))
        self._stop = Stop(lambda: self._watch.leave_within(settings.worker.drain_seconds))

    def run(self) -> int:
        """Work until SIGTERM, then drain and leave; raises what ends a process otherwise."""
        self._watch.start()
        cluster = Cluster(self._settings)
        self._await("reaching Kafka, Redis and the topics", lambda: self._check(cluster))
        if not self._stop.asked:
            self._work(cluster)
        return Exit.OK

    def _await(self, doing: str, step: Callable[[], None]) -> None:
        """Try a step until it succeeds or the process is stopped."""
        outage = Outage(doing)
        while not self._stop.asked:
            self._watch.turned()
            self._stop.wait(0.05)
            try:
                if outage.over:
                    step()
                    return outage.ended()
            except (Unavailable, NotReady) as problem:
                outage.failed(problem)
        return None

    def _check(self, cluster: Cluster) -> None:
        cluster.require_topics()
        self._redis = connect(self._settings.redis, membership.client_id(self._settings, self._slot))
        check_policy(self._redis)
        membership.refuse_if_taken(self._settings, cluster, self._slot)
        self._topic_id = cluster.topic_id(self._settings.topics.input)
        self._lineage = lineage(self._settings, cluster)

    def _work(self, cluster: Cluster) -> None:
        settings, slot = self._settings, self._slot
        instance, client = membership.instance_id(settings, slot), membership.client_id(settings, slot)
        store = CountStore(self._redis, settings.redis, self._lineage)
        counting = Counting(self._traces.applying(store), settings.worker)
        source = Source(settings, cluster, instance, client)
        output = Output(settings, cluster, membership.transactional_id(settings, slot), client)
        decoder, redact = (
            Decoder(settings.worker.unknown_fields),
            redaction(settings.privacy.ip, settings.privacy.ip_key),
        )
        judge = Judge(decoder, settings.output_max_bytes - OVERHEAD_BYTES, milliseconds, redact)
        judging, writing = self._traces.judging(judge.judge), self._traces.writing(output)
        worker = Worker(source, writing, counting, judging, settings.worker)
        source.leaving = worker.leaving
        topic = settings.topics.input
        same = TopicWatch(lambda: cluster.ask(topic), topic, self._topic_id)
        board = Noticeboard(Notices(self._redis, settings.redis.prefix), instance)
        stall = StallWatch(source.end, settings.worker.stall_seconds)
        sampling(lambda: _standing(worker, source, stall, stopping=self._stop.asked))
        self._turns(worker, same, stall, lambda: board.turn(source.owned, worker.stopped))
        self._leave(worker, source)
        same.close()

    def _turns(self, worker: Worker, topic: TopicWatch, stall: StallWatch, let_go_on: Callable[[], set[int]]) -> None:
        born, settled = monotonic(), False
        tidying = Tidying()
        tidying.begin()
        turn = self._traces.turning(worker.turn)
        while not self._stop.asked:
            try:
                turn()
            except PositionLost:
                topic.look()
                raise
            tidying.turn()
            self._watch.turned()
            topic.turn()
            stall.turn(worker.positions())
            worker.go_on(let_go_on())
            if not settled and (worker.progressed or monotonic() - born > _SETTLED_SECONDS):
                settled = True
                self._held.settled()

    def _leave(self, worker: Worker, source: Source) -> None:
        event("stopping", counted=worker.drain())
        source.close()
        self._traces.end()


def _standing(worker: Worker, source: Source, stall: StallWatch, *, stopping: bool) -> None:
    """How a worker stands, as another thread sees it: a moment's mixture does no harm."""
    owned = list(source.owned)
    place = "working" if worker.places else "waiting" if owned else "spare"
    be("stopping" if stopping else place)
    put(OWNED, len(owned))
    put(STOPPED, len(worker.stopped))
    put(STALLED, stall.stalled)
    keep(PROGRESS, {str(partition) for partition in owned}, time())
