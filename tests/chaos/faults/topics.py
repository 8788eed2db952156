"""Topics that grow, go, and come back as others (rows 22, 28 and one without a row)."""

import time
from random import Random

from confluent_kafka.admin import AdminClient, NewPartitions

from tests.chaos.annex import annex
from tests.chaos.faults import Hit, fault, waits
from tests.chaos.faults.brokers import whole
from tests.chaos.oracle import judge
from tests.chaos.stage import Stage


@fault("dead-letters-missing", row=22, budget=30, weight=0.0)
def dead_letters_missing(stage: Stage, dice: Random) -> Hit:
    """The dead letters' topic is deleted before the first one, and made when the pool has complained (a small pool).

    A lesser worker logs that it could not write a dead letter, and goes on to the next record.
    """
    with annex(stage, dice.randrange(10**6), malformed=0.0) as pool:
        pool.host.start()
        pool.feed(1_000)
        pool.rest()
        pool.delete_topic(pool.subject.dead_letters)
        pool.generator.malformed = 0.1
        pool.feed(2_000)
        waits.until("the pool names the topic", lambda: pool.subject.dead_letters in pool.said())
        stage.hold(10)
        pool.create_topics()
        verdict = judge(pool.subject, seconds=120)
        assert verdict.exact, f"{verdict}\n{pool.said()[-3000:]}"
    return Hit()


@fault("input-made-anew", row=22, budget=30, weight=0.0)
def input_made_anew(stage: Stage, dice: Random) -> Hit:
    """The input topic is deleted and made anew while the pool runs; it ends, and begins again after a reset.

    A lesser consumer goes on at its old offset, in another topic's records, without an error (a small pool).
    """
    with annex(stage, dice.randrange(10**6)) as pool:
        pool.host.start()
        pool.feed(1_000)
        pool.rest()
        pool.delete_topic(pool.subject.input)
        pool.create_topics()
        waits.until("all say that it is another topic", lambda: pool.said().count('"exit_code": 7') >= 2)
        assert "was deleted and made anew" in pool.said()
        pool.host.stop()
        reset = pool.host.tool("reset", "--yes")
        assert reset.returncode == 0, reset.stdout + reset.stderr
        pool.host.start()
        pool.feed(1_000)
        pool.rest()
        audit = pool.host.tool("audit")
        assert audit.returncode == 0, audit.stdout + audit.stderr
    return Hit()


@fault("partitions-doubled", row=28, budget=60, weight=0.0)
def partitions_doubled(stage: Stage, _dice: Random) -> Hit:
    """Both topics get twice as many partitions under load, and so does the load: users move to other partitions.

    A lesser pool finds the new ones minutes later, or starts them at their ends.
    """
    whole(stage)
    wanted = 2 * stage.partitions
    admin = AdminClient(dict(stage.cluster.access.direct()))
    stage.grown = True
    for topic in (stage.direct.topics.processed, stage.direct.topics.input):
        admin.create_partitions([NewPartitions(topic, wanted)])[topic].result(waits.PATIENCE_SECONDS)
    stage.partitions = stage.generator.partitions = wanted
    return Hit(since=time.time())
