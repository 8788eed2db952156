"""Transactions' requests that come late, are not answered, or do not arrive (rows 12, 13, 14)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tests.chaos.faults import Hit, fault, waits
from tests.chaos.faults.measuring import measured
from tests.chaos.frames import ApiKey
from tests.chaos.kafka_proxy import Action, KafkaProxy, close_after_request, drop_request, drop_response
from tests.chaos.stage import PROXIED, Stage

RISES = 20  # so often a zombie comes, so that one comes amidst a later transaction
OUTAGE_SECONDS = 20.0  # longer than a session, and than a call may take
EVER = 10**9


@fault("commit-sent-twice", row=12, budget=5, weight=3, together=True)
def commit_sent_twice(stage: Stage, dice: Random) -> Hit:
    """Keep a commit and cut its connection, so that it is sent again; let the kept one arrive in later transactions.

    Brokers take it as those transactions' own: half of one becomes visible, and is written again when the rest fails.
    """
    proxy = coordinating(stage, dice)
    zombie = proxy.zombie(ApiKey.END_TXN)
    assert zombie.caught(waits.PATIENCE_SECONDS), "no commit came"
    assert proxy.wait_for(ApiKey.END_TXN, waits.PATIENCE_SECONDS), "no commit came after it"
    for _ in range(RISES):
        time.sleep(dice.uniform(0.0, 0.1))
        zombie.deliver()
    return Hit()


@fault("commit-late", row=12, budget=15)
def commit_late(stage: Stage, dice: Random) -> Hit:
    """Keep a commit while its worker waits for the answer, gives up and goes on; it arrives seconds later."""
    seconds = dice.uniform(0.5, 8.0)
    zombie = coordinating(stage, dice).zombie(ApiKey.END_TXN, seconds, cut=False)
    assert zombie.caught(waits.PATIENCE_SECONDS), "no commit came"
    assert zombie.delivered(seconds + waits.PATIENCE_SECONDS), "the coordinator did not answer it"
    return Hit()


@fault("commit-unanswered", row=13, budget=15, weight=3, together=True)
def commit_unanswered(stage: Stage, dice: Random) -> Hit:
    """Lose the answer to a commit: it is done, and its worker can't know; one that writes again writes twice."""
    return _once(coordinating(stage, dice), drop_response)


@fault("commit-cut-off", row=13, budget=15, weight=3, together=True)
def commit_cut_off(stage: Stage, dice: Random) -> Hit:
    """Cut the connection in the stead of a commit's answer: the client sends it again, and says nothing."""
    return _once(coordinating(stage, dice), close_after_request)


@fault("offsets-unanswered", row=14, budget=30)
def offsets_unanswered(stage: Stage, _dice: Random) -> Hit:
    """Lose every offset that one VM commits within its transactions, for 20 s; all else arrives.

    The client's call may never return (librdkafka#5456): a lesser worker hangs, with its heart beating.
    """
    proxy = _grouping(stage)
    rule = proxy.on_request(ApiKey.TXN_OFFSET_COMMIT, drop_request, times=EVER)
    assert proxy.wait_for(ApiKey.TXN_OFFSET_COMMIT, waits.PATIENCE_SECONDS), "no offsets came"
    stage.hold(OUTAGE_SECONDS)
    assert rule.struck, "no offsets were lost"
    proxy.flow()
    return Hit()


@fault("group-coordinator-out-of-reach", row=14, budget=30)
def group_coordinator_out_of_reach(stage: Stage, _dice: Random) -> Hit:
    """Take the group's coordinator from one VM for 20 s, as offsets are on their way to it; the other VM reaches it.

    A lesser worker keeps partitions that it can't commit, and its client goes on waiting when all is well again.
    """
    proxy = _grouping(stage)
    assert proxy.wait_for(ApiKey.TXN_OFFSET_COMMIT, waits.PATIENCE_SECONDS), "no offsets came"
    with _silent(proxy):
        since = time.time()
        seconds = waits.progress(stage, since) if stage.haste >= 1 else 0.0
        stage.hold(max(0.0, OUTAGE_SECONDS - seconds))
    return measured(seconds) if seconds else Hit()


def _once(proxy: KafkaProxy, action: Action) -> Hit:
    assert proxy.on_request(ApiKey.END_TXN, action).wait(waits.PATIENCE_SECONDS), "no commit came"
    return Hit()


@contextmanager
def _silent(proxy: KafkaProxy) -> Iterator[None]:
    """Have nobody answer at a broker's proxy: connections are cut, and new ones refused."""
    proxy.stop()
    try:
        yield
    finally:
        proxy.start()


def coordinating(stage: Stage, dice: Random) -> KafkaProxy:
    """The way from the proxied VM to the broker that coordinates the transactions of one of its workers."""
    host = stage.hosts[PROXIED]
    name = f"{host.settings.group}-{host.settings.host}-worker-{dice.randrange(host.workers):02d}"
    return stage.kafka_proxies[stage.cluster.transaction_coordinator(name)]


def _grouping(stage: Stage) -> KafkaProxy:
    """The way from the proxied VM to the broker that coordinates the group."""
    return stage.kafka_proxies[stage.cluster.group_coordinator(stage.hosts[PROXIED].settings.group)]
