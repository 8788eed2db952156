"""deploy/vm/upgrade on a living pool under load: worker by worker, back where it must, drained where it must; exact."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from processor.settings import Settings
from tests import stack
from tests.machine_root import MachineRoot, machine_root
from tests.pool import Account, eventually, redis_counts
from tests.vm_unit import Systemd, start

HOME = "/opt/data-processor"
NEXT = "/root/next"  # a newer checkout
PARTS = "processor deploy supervisord.conf pyproject.toml README.md LICENSE"
# Releases as they could be, made of the one that is installed: name, file, what of it is replaced by what. Never by as
# many characters: a file of the same size and second is taken for the one that its byte code was made of.
OTHERS = {
    "broken": ("slot.py", "        self._watch.start()", '        raise RuntimeError("a release that does not work")'),
    "stricter": ("logins/records.py", "RULES_VERSION = 1", "RULES_VERSION = 22"),
    "picky": ("settings.py", "    ratio: float = 0.1", "    ratio: float = 7"),
}
COPY = """
cd {home}/releases; cp -a "$(basename "$(readlink ../current)")" {name}
grep -rlI "releases/$(basename "$(readlink ../current)")/" {name}/.venv/bin {name}/.venv/pyvenv.cfg |
    xargs sed -i "s#releases/$(basename "$(readlink ../current)")/#releases/{name}/#g"
"""


@pytest.fixture(scope="module")
def vm() -> Iterator[MachineRoot]:
    """A machine on which it was installed, with three other releases beside."""
    with machine_root() as machine:
        done = machine.run("deploy/vm/install")
        assert done.returncode == 0, done.stdout + done.stderr
        for name, (file, old, new) in OTHERS.items():
            machine.sh(COPY.format(home=HOME, name=name))
            path = machine.sh(f"ls {HOME}/releases/{name}/.venv/lib/*/site-packages/processor/{file}").strip()
            text = machine.sh(f"cat {path}")
            assert old in text
            machine.run("tee", path, input=text.replace(old, new, 1))
        yield machine


class Living:
    """A pool that was started as the unit does it, with what is fed to it."""

    def __init__(self, vm: MachineRoot, settings: Settings) -> None:
        self.vm = vm
        self.account = Account(settings, seed=5)
        self._done = threading.Event()

    def feed(self) -> None:
        """Go on until told otherwise."""
        while not self._done.is_set():
            self.account.feed(100)
            self._done.wait(0.1)

    def upgrade(self, *arguments: str, script: str = "deploy/vm/upgrade") -> "tuple[int, str]":
        """Upgrade while logins come in; how it ended, and all that it said."""
        self._done.clear()
        feeding = threading.Thread(target=self.feed)
        feeding.start()
        try:
            done = self.vm.run(script, *arguments, timeout=600)
        finally:
            self._done.set()
            feeding.join()
        return done.returncode, done.stdout + done.stderr

    def current(self) -> str:
        return self.vm.sh(f"readlink {HOME}/current").strip().removeprefix("releases/")

    def processes(self) -> dict[str, tuple[str, str]]:
        """Each process that runs: its id, and the release that it is of."""
        lines = self.vm.run("data-processor-ctl", "status").stdout.splitlines()
        found = {line.split()[0]: line.split()[3].rstrip(",") for line in lines if " RUNNING " in line}
        command = {name: Path(f"/proc/{pid}/cmdline").read_text() for name, pid in found.items()}
        return {
            name: (pid, command[name].removeprefix(f"{HOME}/releases/").split("/")[0]) for name, pid in found.items()
        }

    def releases(self) -> set[str]:
        return {release for _, release in self.processes().values()}


@contextmanager
def running(vm: MachineRoot) -> Iterator[None]:
    """Start the pool, wait until all of it runs, and end it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
        systemd = Systemd(own)
        pool = start(vm, systemd)
        try:
            eventually("all runs", lambda: "STATUS=5 of 5 processes run" in systemd.heard())
            yield
        finally:
            pool.send_signal(signal.SIGTERM)
            pool.wait(60)


@pytest.fixture
def living(vm: MachineRoot, quick: Settings, tmp_path: Path) -> Living:
    """Settings for this test's topics on the machine; the pool is not started yet."""
    settings = replace(quick, run_directory=".local/run")
    configuration = Path(stack.environment(settings, tmp_path)["DATA_PROCESSOR_CONFIG"]).read_text()
    # What is not set can be another release's default.
    configuration = "\n".join(line for line in configuration.splitlines() if not line.startswith('"ratio"'))
    vm.run("sh", "-c", "cat >/etc/data-processor/data-processor.toml", input=configuration)
    vm.sh("sed -i 's/^WORKERS=.*/WORKERS=2/; /REDIS_PREFIX/d' /etc/data-processor/environment")
    vm.sh("rm -f /var/lib/data-processor/run/*.deaths")
    return Living(vm, quick)


def test_an_upgrade_renews_all_that_runs_and_again_it_changes_nothing(living: Living) -> None:
    living.vm.sh(f"mkdir {NEXT}; cp -r {PARTS} {NEXT}; echo >>{NEXT}/README.md")
    before = living.current()
    with running(living.vm):
        code, said = living.upgrade(script=f"{NEXT}/deploy/vm/upgrade")
        after, processes = living.current(), living.processes()

        again = living.upgrade(script=f"{NEXT}/deploy/vm/upgrade")

        assert (code, after != before) == (0, True), said
        assert f"done: all that runs is of release {after}" in said
        assert {release for _, release in processes.values()} == {after}
        assert again == (0, f"upgrade: release {after} is in use, and nothing runs that is of another: nothing to do\n")
        assert living.processes() == processes
        living.account.check()


def test_a_release_that_does_not_go_on_is_taken_back(living: Living) -> None:
    before = living.current()
    with running(living.vm):
        code, said = living.upgrade("--patience", "8", "broken")

        assert code == 1, said
        assert "release broken does not go on" in said
        assert f"all that runs is of release {before} again" in said
        assert living.current() == before
        assert living.releases() == {before}
        assert len(living.processes()) == 5
        living.account.check()


def test_a_release_that_refuses_the_settings_or_the_rules_changes_nothing(living: Living) -> None:
    before = living.current()
    with running(living.vm):
        processes = living.processes()

        picky, strict = living.upgrade("picky"), living.upgrade("stricter")

        assert (picky[0], strict[0]) == (5, 5), picky[1] + strict[1]
        assert "traces.ratio: must be from 0 to 1" in picky[1]
        assert "upgrade: release picky refuses these settings" in picky[1]
        assert "release stricter takes something else for a login (rules=22" in strict[1]
        assert living.current() == before
        assert living.processes() == processes


def test_where_what_counts_as_a_login_changes_the_pool_is_drained_first_and_the_counts_go_on(
    living: Living, quick: Settings
) -> None:
    vm, before, renamed = living.vm, living.current(), f"{quick.redis.prefix}-2"
    with running(vm):
        living.account.feed(500)
        code, said = living.upgrade("--new-prefix", renamed, "stricter")
        assert code == 0, said
        assert "upgrade: the pool is drained: stopping the rest" in said
        assert living.current() == "stricter"
        assert redis_counts(quick)
    drained = redis_counts(quick)

    with running(vm):
        living.account.feed(500)
        moved = replace(quick, redis=replace(quick.redis, prefix=renamed))
        eventually("all is counted, under the new prefix", lambda: redis_counts(moved) == living.account.users)
        eventually("all is published", living.account.settled)
        audit = vm.run("data-processor", "audit", "--full")
        again = living.upgrade("--new-prefix", renamed, "stricter")

    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert redis_counts(quick) == drained, "nobody counts under the old prefix any more"
    assert again[0] == 0
    assert "nothing to do" in again[1]
    vm.sh(f"{HOME}/releases/{before}/deploy/vm/use {before}")
