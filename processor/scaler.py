"""The scaler: looks at the pool and its own host every few seconds, decides (scaling/), and has supervisord do it."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

from processor.caring import Care
from processor.claim import claimed
from processor.counts.connection import connect
from processor.counts.hosts import Hosts
from processor.errors import Exit, Fenced, Unavailable
from processor.kafka.standing import Pool
from processor.log import event
from processor.metrics import told
from processor.metrics.meter import add, be, put
from processor.outage import Outage
from processor.parking import Parking
from processor.pool_view import PoolView
from processor.restarting import LOCK
from processor.restraint import Restraint
from processor.scaling.brain import Brain, Decision, Seen
from processor.scaling.load import At, Look
from processor.scaling.slots import Slot
from processor.settings import Settings
from processor.stop import Stop
from processor.supervision.supervisor import Process, Supervisor
from processor.watch import TurnWatch

_TURN_SECONDS = 60.0  # a turn that takes longer never ends: each of its calls has a limit of 10 s or less
_LEAVING_SECONDS = 10.0
_AGAIN_SECONDS = 30.0  # the same decision for another reason is told so seldom
_NUMBERS = re.compile(r"[\d,.]+|steady|growing|shrinking")
_REMIND_SECONDS = 600.0  # whoever reads only the log's end must see what was decided


def run(settings: Settings, restraint: Restraint) -> int:
    """Scale, and look after the processes, until SIGTERM."""
    return Scaler(settings, restraint).run()


def explain(settings: Settings, restraint: Restraint) -> int:
    """Print each decision, and do nothing, until SIGTERM or SIGINT."""
    return Scaler(settings, restraint, lambda line: print(line, flush=True)).run()


class Scaler:
    """One host's scaler; with `tell` it only tells what it would do."""

    def __init__(self, settings: Settings, restraint: Restraint, tell: Callable[[str], None] | None = None) -> None:
        self._settings = settings
        self._restraint = restraint
        self._tell = tell
        self._watch = TurnWatch(_TURN_SECONDS)
        self._stop = Stop(lambda: self._watch.leave_within(_LEAVING_SECONDS))
        self._supervisor = Supervisor(Path(settings.supervisor_socket))
        self._care = Care(self._supervisor, settings)
        redis = connect(settings.redis, f"{settings.host}/scaler")
        self._hosts = Hosts(redis, settings.redis.prefix)
        self._parking = Parking(settings.run_directory)
        self._brain = Brain(settings.host, settings.scaler, self._parking.read())
        self._redis = redis
        self._view: PoolView | None = None
        self._outage = Outage("looking at the pool")
        self._said = ("", "", 0.0)

    def run(self) -> int:
        """Take turns until told to stop."""
        self._watch.start()
        while not self._stop.asked:
            began = monotonic()
            try:
                self._turn()
                be("working")
                self._outage.ended()
                self._restraint.settled()
            except Unavailable as problem:  # what runs goes on; nothing is decided about what can't be seen
                be("waiting")
                self._outage.failed(problem)
                self._report(f"nothing is changed while the pool can't be seen: {problem}")
            self._watch.turned()
            self._stop.wait(began + self._settings.scaler.interval_seconds - monotonic())
        self._leave()
        return Exit.OK

    def _turn(self) -> None:
        processes = self._supervisor.processes()
        if self._tell is None:
            self._care.turn(processes)
        else:  # the scaler that this one only explains stops workers all the while: they are no person's
            self._brain.recall(self._parking.read())
        self._view = self._view or PoolView(self._settings, self._redis)
        decision = self._brain.decide(self._seen(processes, self._view))
        self._report(decision.line)
        if self._tell is None:
            _count(decision)
            self._hosts.beat(decision.told, decision.line)
            self._act(decision, {process.name: process for process in processes})

    def _seen(self, processes: Sequence[Process], view: PoolView) -> Seen:
        pool = view.look()
        heard = self._hosts.heard()
        settings = self._settings
        fresh = [each.beat.host for each in heard if each.age <= settings.scaler.host_seconds]
        return Seen(
            look=look(monotonic(), pool, view.stopped()),
            members=[member.host for member in pool.members if member.slot is not None],
            others=[host for host in fresh if host.name != settings.host],
            slots=slots(processes, pool, settings.host),
        )

    def _act(self, decision: Decision, processes: dict[str, Process]) -> None:
        wanted = decision.change
        parked = self._parking.write(decision.parked)
        if not wanted.start and not wanted.stop:
            return
        try:
            with claimed(self._settings.run_directory, LOCK):
                for name in wanted.start:
                    self._supervisor.start(processes[name])
                    add(told.SCALER_CHANGES, 1, "started")
                for name in wanted.stop if parked else ():
                    self._supervisor.stop(processes[name])
                    add(told.SCALER_CHANGES, 1, "stopped")
        except Fenced:
            event("a restart is under way: starting and stopping nothing meanwhile")

    def _report(self, line: str) -> None:
        """To the terminal each time; to the log when it says something else than numbers, and now and then."""
        if self._tell is not None:
            return self._tell(line)
        now, what, why = monotonic(), line.partition(":")[0], _NUMBERS.sub("", line)
        told_what, told_why, told_at = self._said
        if what != told_what or (why != told_why and now - told_at > _AGAIN_SECONDS) or now - told_at > _REMIND_SECONDS:
            self._said = (what, why, now)
            event(line)
        return None

    def _leave(self) -> None:
        be("stopping")
        if self._tell is None:
            try:
                self._hosts.leave(self._settings.host)
            except Unavailable:
                return  # the others notice soon
            event("stopped: the workers stay as they are")


def _count(decision: Decision) -> None:
    """The decision as metrics; why is in the log only: no label may hold a sentence."""
    for kind, workers in (("running", decision.running), ("target", decision.target), ("share", decision.share)):
        put(told.SCALER_WORKERS, workers, kind)
    if decision.rate is not None:
        put(told.SCALER_RATE, decision.rate)


def look(now: float, pool: Pool, stopped: set[int]) -> Look:
    """The pool as the decisions see it."""
    owners = {at.partition: f"{at.owner.host}/{at.owner.slot}" for at in pool.partitions if at.owner}
    return Look(
        now,
        {at.partition: At(at.committed, at.end, owners.get(at.partition)) for at in pool.partitions},
        frozenset(stopped),
    )


def slots(processes: Sequence[Process], pool: Pool, host: str) -> list[Slot]:
    """This host's workers, as supervisord has them, and whether the group gave them anything."""
    idle = {member.slot for member in pool.members if member.host == host and not member.partitions}
    return [
        Slot(process.name, process.state, process.started, process.stopped, process.now, process.slot in idle)
        for process in processes
        if process.slot is not None
    ]
