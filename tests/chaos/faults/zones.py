"""A whole zone that is gone: its broker and the VM of the pool in it, at once and without a word (row 31)."""

import time
from random import Random

from tests.chaos.faults import Hit, fault, waits
from tests.chaos.faults.brokers import given_back, is_away
from tests.chaos.faults.measuring import measured
from tests.chaos.stage import ZONES, Stage


@fault("zone-lost", row=31, budget=30)
def zone_lost(stage: Stage, dice: Random) -> Hit:
    """The cables of a broker and of the VM beside it are cut, and both die; later the zone is back.

    A lesser pool has its copies, its coordinators or its spare workers in that zone, or its clients go on asking there.
    """
    name, at = dice.choice(list(ZONES.items()))
    host, broker, machine = stage.hosts[name], stage.cluster.brokers[at], stage.cluster.machines[at]
    with given_back(stage):
        try:
            machine.cut()
            host.machine.cut()
            since = time.time()
            broker.kill()
            host.crash()
            assert is_away(broker)
            seconds = waits.progress(stage, since)
        finally:
            machine.heal()
            host.machine.heal()
            host.start()
    waits.progress(stage, time.time())
    return measured(seconds)
