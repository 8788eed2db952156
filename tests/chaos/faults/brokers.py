"""Brokers that are killed, hang, go in turn, or are too few (rows 9, 10, 11)."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.chaos.brokers import ChaosBroker
from tests.chaos.faults import Hit, fault, waits
from tests.chaos.faults.measuring import measured
from tests.chaos.stage import PROXIED, Stage

ADD_OFFSETS_TO_TXN, TXN_OFFSET_COMMIT = 25, 28  # request keys
SESSION_SECONDS = 6.0  # after so long without a heartbeat a broker counts as gone
How = Callable[[ChaosBroker], object]


@fault("leader-killed", row=9, budget=30)
def leader_killed(stage: Stage, dice: Random) -> Hit:
    """Kill -9 the leader of a partition, and start it again when the pool goes on with two.

    A lesser system loses what only the leader had, or repeats what was written and not acknowledged.
    """
    return measured(_without(stage, _some_leader(stage, dice), ChaosBroker.kill))


@fault("leader-killed-and-back", row=9, budget=30)
def leader_killed_and_back(stage: Stage, dice: Random) -> Hit:
    """Kill -9 the leader of a partition and start it at once: it may be back before anybody missed it.

    A lesser client goes on with a connection, a coordinator or an epoch of the broker that was.
    """
    at = _some_leader(stage, dice)
    with given_back(stage):
        stage.cluster.brokers[at].kill()
    return Hit()


@fault("controller-killed", row=9, budget=30)
def controller_killed(stage: Stage, _dice: Random) -> Hit:
    """Kill -9 the leader of the controllers, a broker itself, and start it again when the pool goes on.

    Until another controller leads, no partition gets another leader: clients that give up earlier lose their load.
    """
    whole(stage)
    return measured(_without(stage, stage.cluster.controller(), ChaosBroker.kill))


@fault("brokers-bounced", row=9, budget=30, weight=0.3)
def brokers_bounced(stage: Stage, dice: Random) -> Hit:
    """Stop all brokers cleanly, one after the other, as a rolling upgrade does.

    Each leader and each coordinator moves, some more than once: a lesser client follows the first move only.
    """
    return measured(max(_without(stage, at, ChaosBroker.stop) for at in dice.sample(range(3), 3)))


@fault("broker-hangs", row=9, budget=60)
def broker_hangs(stage: Stage, dice: Random) -> Hit:
    """SIGSTOP a leader past its session, then let it run on: its connections stay open, and it still thinks it leads.

    A lesser client waits for its answer as long as TCP does; a lesser cluster lets it take a write that is lost.
    """
    return measured(_without(stage, _some_leader(stage, dice), ChaosBroker.pause, at_least=2 * SESSION_SECONDS))


@fault("two-brokers-down", row=10, budget=30, weight=0.5)
def two_brokers_down(stage: Stage, dice: Random) -> Hit:
    """Kill -9 two of three brokers for 70 s: nothing can be written anywhere, and no controller leads.

    A lesser pool crashes in a loop, or its clients give up for good and stay away when the brokers are back.
    """
    whole(stage)
    with given_back(stage):
        for at in dice.sample(range(3), 2):
            stage.cluster.brokers[at].kill()
        assert sum(map(is_away, stage.cluster.brokers)) == 2
        stage.hold(70)
    return Hit()


@fault("transaction-coordinator-killed", row=11, budget=30)
def transaction_coordinator_killed(stage: Stage, dice: Random) -> Hit:
    """Kill -9 the coordinator of a worker's transactions, between what it produces and its commit.

    The outcome is unknown to the worker: to commit again may repeat, not to commit may lose, a batch.
    """
    whole(stage)
    host = stage.hosts[PROXIED]
    name = f"{host.settings.group}-{host.settings.host}-worker-{dice.randrange(host.workers):02d}"
    at = stage.cluster.transaction_coordinator(name)
    return measured(_without(stage, at, _upon(stage, at, ADD_OFFSETS_TO_TXN)))


@fault("group-coordinator-killed", row=11, budget=30)
def group_coordinator_killed(stage: Stage, _dice: Random) -> Hit:
    """Kill -9 the coordinator of the group, as offsets are sent to it within a transaction.

    A lesser client waits for it for ever, or commits the records and not the offsets.
    """
    whole(stage)
    at = stage.cluster.group_coordinator(stage.hosts[PROXIED].settings.group)
    return measured(_without(stage, at, _upon(stage, at, TXN_OFFSET_COMMIT)))


def whole(stage: Stage) -> None:
    """Wait until every partition has its three copies: the fault before this one may have left some behind."""
    admin = AdminClient(dict(stage.cluster.access.direct()))
    waits.until("all copies of all partitions are in step", lambda: not _behind(admin))


@contextmanager
def given_back(stage: Stage) -> Iterator[None]:
    """Wait for a whole cluster first; start and resume all brokers in the end, whatever happens in between."""
    whole(stage)
    try:
        yield
    finally:
        for broker in stage.cluster.brokers:
            broker.resume()
        stage.cluster.start()


def is_away(broker: ChaosBroker) -> bool:
    """Whether a broker does not run: dead, or stopped in its tracks."""
    pid = broker.daemon.pid
    return pid is None or waits.state(pid) == "T"


def _without(stage: Stage, at: int, how: How, at_least: float = 0.0) -> float:
    """Take a broker away until the pool has gone on with the other two, and give it back; how long the pool took."""
    with given_back(stage):
        how(stage.cluster.brokers[at])
        waits.until("the broker is away", lambda: is_away(stage.cluster.brokers[at]))
        since = time.time()
        seconds = waits.progress(stage, since)
        stage.hold(max(0.0, at_least - seconds))
    return seconds


def _upon(stage: Stage, at: int, key: int) -> How:
    """Kill in the moment in which such a request is on its way to that broker."""

    def kill(broker: ChaosBroker) -> None:
        assert stage.kafka_proxies[at].wait_for(key, waits.PATIENCE_SECONDS), (
            f"no request {key} came to broker {at + 1}"
        )
        broker.kill()

    return kill


def _some_leader(stage: Stage, dice: Random) -> int:
    whole(stage)
    topics = stage.direct.topics
    return stage.cluster.leader(dice.choice([topics.input, topics.processed]), dice.randrange(stage.partitions))


def _behind(admin: AdminClient) -> list[tuple[str, int]]:
    """Every partition of which a copy is missing or behind; of all topics while no broker answers."""
    try:
        topics = admin.list_topics(timeout=10).topics.values()
    except KafkaException:
        return [("", 0)]
    return [(str(t.topic), p.id) for t in topics for p in t.partitions.values() if len(p.isrs) < len(p.replicas)]
