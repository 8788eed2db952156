"""deploy/vm/install, run in a Debian of its own; and the pool, started from what it installed as the unit does it."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from msgspec.structs import replace

from deploy.local.ports import pick_free
from processor.settings import ExporterSettings, Settings, TopicSettings
from tests import stack
from tests.machine_root import MachineRoot, machine_root
from tests.pool import Account, eventually
from tests.vm_unit import UNIT, Systemd, start

INSTALLED = f"/opt/data-processor /etc/data-processor /var/lib/data-processor {UNIT} /usr/local/bin /etc/passwd"
EVERYTHING = f"find {INSTALLED} -printf '%p %y %m %u:%g %s %T@ %l\\n' | sort"


@pytest.fixture(scope="module")
def vm() -> Iterator[MachineRoot]:
    """A machine on which it was installed."""
    with machine_root() as machine:
        done = machine.run("deploy/vm/install")
        assert done.returncode == 0, done.stdout + done.stderr
        yield machine


@pytest.fixture
def systemd() -> Iterator[Systemd]:
    """Listen in systemd's place."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
        yield Systemd(own)


def test_installing_again_changes_nothing(vm: MachineRoot) -> None:
    vm.sh("echo '# mine' >>/etc/data-processor/environment")
    before = vm.sh(EVERYTHING)

    again = vm.run("deploy/vm/install")

    assert again.returncode == 0
    assert vm.sh(EVERYTHING) == before
    assert [
        line for line in again.stdout.splitlines() if not line.startswith(("install: done", "install: systemctl"))
    ] == []


def test_only_the_pool_and_root_read_its_settings_and_nobody_else_writes_its_code(vm: MachineRoot) -> None:
    assert vm.sh("stat -c '%a %U:%G' /etc/data-processor /etc/data-processor/*").splitlines() == [
        "750 root:data-processor",
        "640 root:data-processor",
        "640 root:data-processor",
        "750 root:data-processor",
    ]
    assert vm.sh("find /opt/data-processor ! -type l \\( ! -user root -o -perm /022 \\)") == ""


def test_the_unit_is_valid_and_closed(vm: MachineRoot) -> None:
    verified = vm.run("systemd-analyze", "verify", UNIT)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")

    told = vm.run("systemd-analyze", "security", "--offline=true", "--threshold=20", UNIT)
    assert told.returncode == 0, told.stdout[-200:]


def test_what_is_installed_runs_says_how_it_is_and_leaves_in_order(
    vm: MachineRoot,
    settings: Settings,
    topics: TopicSettings,  # noqa: ARG001 (they exist)
    systemd: Systemd,
    tmp_path: Path,
) -> None:
    exporter = ExporterSettings(port=pick_free(1)[0])
    settings = replace(settings, run_directory=".local/run", exporter=exporter)
    configuration = Path(stack.environment(settings, tmp_path)["DATA_PROCESSOR_CONFIG"]).read_text()
    vm.run("sh", "-c", "cat >/etc/data-processor/data-processor.toml", input=configuration)
    vm.sh("sed -i 's/^WORKERS=.*/WORKERS=2/' /etc/data-processor/environment")
    account = Account(settings, seed=6)
    account.feed(300)

    pool = start(vm, systemd)
    try:
        eventually("systemd hears that it turns", lambda: "WATCHDOG=1" in systemd.heard())
        eventually("the doctor is content", lambda: vm.run("data-processor", "doctor").returncode == 0)
        eventually("all is counted", lambda: counted(settings) == dict(account.users))
        eventually("systemd hears that all run", lambda: "STATUS=5 of 5 processes run" in systemd.heard())
        states = vm.run("data-processor-ctl", "status").stdout.split()
    finally:
        pool.send_signal(signal.SIGTERM)
        code = pool.wait(60)

    heard = systemd.heard()
    assert states.count("RUNNING") == 5
    assert code == 0
    assert heard[0] == "READY=1"
    assert "STOPPING=1" in heard
    logs = ["exporter.log", "flusher.log", "scaler.log", "supervisord.log", "worker-00.log", "worker-01.log"]
    assert vm.sh("ls /var/log/data-processor").split() == logs


def counted(settings: Settings) -> dict[str, int]:
    with redis.Redis.from_url(settings.redis.url, decode_responses=True) as client:
        counts: dict[str, str] = client.hgetall(f"{{{settings.redis.prefix}:0}}:counts")
    return {user: int(count) for user, count in counts.items()}
