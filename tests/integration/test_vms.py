"""Several VMs, as network namespaces with a supervisord and a host name each: one of them is lost, and comes back."""

import time

from processor.errors import Exit
from processor.settings import ScalerSettings
from tests.chaos.host import Host
from tests.pool import Account, eventually, fed
from tests.scraping import Scrape
from tests.vms import Datacenter, Offsets, datacenter, in_a_network_of_its_own, offsets, shared, status, workers

PARTITIONS = 6
LOAD = 300.0  # logins a second
AIMED_SECONDS = 15.0  # until partitions of a lost VM move again, on a machine that has the time for it: told, not held
# It says how many run; nothing is to stop for want of load while the test lasts.
SCALER = ScalerSettings(min_workers=1, interval_seconds=2.0, cool_down_seconds=3600.0)


@in_a_network_of_its_own
def test_a_vm_lost_whole_is_replaced_and_gets_its_share_back_and_every_login_counts_once() -> None:
    with datacenter(PARTITIONS, SCALER) as center:
        large = center.add("vm-large", 6)
        # Who is first says how many run before anything is known: all of its own, up to one a partition.
        eventually(
            "the first scaler is heard", lambda: any(row["heard_seconds"] is not None for row in status(large)["hosts"])
        )
        small = center.add("vm-small", 3)
        account = Account(center.settings, 1)
        with fed(account, LOAD):
            shared({large: 4, small: 2})  # as their slots are
            _tells_of_both(center)
            seconds = _lost(center, large)
            print(f"a lost VM's partitions moved again after {seconds:.1f} s; {AIMED_SECONDS:.0f} s are aimed at")
            eventually("the other one does all it can", lambda: workers(small) == 3)
            eventually("and has every partition", lambda: _owners(small) == {"vm-small"})
        account.check()
        _is_exact(small)
        with fed(account, LOAD):
            large.machine.heal()
            large.start()
            shared({large: 4, small: 2})
        account.check()
        _is_exact(large)


def _heard(host: Host) -> bool:
    return any(row["heard_seconds"] is not None for row in status(host)["hosts"])


def _tells_of_both(center: Datacenter) -> None:
    """Each VM's exporter tells of its own workers, and each one's `status` of both VMs."""
    for host in center.hosts.values():
        assert {"vm-large", "vm-small"} <= set(host.tool("status").stdout.split())

    def owned() -> dict[str, float]:
        return {name: Scrape(host.settings).sum("login_owned_partitions") for name, host in center.hosts.items()}

    eventually("each exporter tells of its own", lambda: owned() == {"vm-large": 4, "vm-small": 2})


def _lost(center: Datacenter, host: Host) -> float:
    """Take a VM away, its network first so that nobody is told; seconds until all of its partitions moved again."""
    lost = [row["partition"] for row in status(host)["partitions"] if row["host"] == host.machine.name]
    assert len(lost) == 4
    with offsets(center.settings) as looking:
        host.machine.cut()
        since = time.monotonic()
        host.crash()
        before = eventually("what it had asked for is done", lambda: _still(looking, lost))
        eventually("all move again", lambda: all(at > before[p] for p, at in looking.now().items() if p in before))
        return time.monotonic() - since


def _still(looking: Offsets, partitions: list[int]) -> dict[int, int] | None:
    before = looking.now()
    time.sleep(0.5)
    after = looking.now()
    return {p: before[p] for p in partitions} if all(before[p] == after[p] for p in partitions) else None


def _owners(asked: Host) -> set[str | None]:
    return {row["host"] for row in status(asked)["partitions"]}


def _is_exact(host: Host) -> None:
    done = host.tool("audit", "--full")
    assert done.returncode == Exit.OK, done.stdout + done.stderr
