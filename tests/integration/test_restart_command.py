"""`data-processor restart` on a real pool under its real supervisord: nothing lost, nothing twice."""

from pathlib import Path

from processor.errors import Exit
from processor.settings import Settings
from tests.command import run
from tests.pool import Account, eventually, fed
from tests.supervised import vm


def test_a_rolling_restart_under_load_renews_every_process_and_is_exact(quick: Settings) -> None:
    account = Account(quick, 1)
    with vm(quick, workers=2) as host:
        account.feed(1_000)
        eventually("everything at rest", account.settled)
        before = host.processes()
        with fed(account, 1_000.0):
            restarted = host.tool("restart", "--rolling")
        after = host.processes()

        assert (restarted.returncode, restarted.stderr) == (Exit.OK, "")
        assert [line.partition(":")[0] for line in restarted.stdout.splitlines()][:2] == ["worker-00", "worker-01"]
        assert {process.state for process in after.values()} == {"RUNNING"}
        assert before.keys() == after.keys()
        assert all(before[name].pid != after[name].pid for name in before)
        account.check()
        assert host.tool("audit").returncode == Exit.OK


def test_a_worker_that_does_not_come_back_ends_a_rolling_restart_before_the_next(
    quick: Settings, tmp_path: Path
) -> None:
    account = Account(quick, 1)
    with vm(quick, workers=2) as host:
        account.feed(500)
        eventually("everything at rest", account.settled)
        before = host.processes()
        config = Path(host.environment["DATA_PROCESSOR_CONFIG"])
        sound = config.read_text()
        host.environment["DATA_PROCESSOR_CONFIG"] = str(tmp_path / "sound.toml")
        (tmp_path / "sound.toml").write_text(sound)
        config.write_text("no_such_key = 1\n")

        restarted = host.tool("restart", "--rolling", "--patience", "8")

        assert restarted.returncode == Exit.STALLED
        assert "worker-00" in restarted.stderr
        assert host.processes()["worker-01"].pid == before["worker-01"].pid


def test_all_at_once_leaves_alone_what_is_stopped(quick: Settings) -> None:
    with vm(quick, workers=2) as host:
        eventually("both run", lambda: len(host.running()) == 2)
        host.control("stop", "worker:worker-01")

        restarted = host.tool("restart")

        assert restarted.returncode == Exit.OK
        assert "worker-00: restarted" in restarted.stdout
        assert host.running() == {"worker-00"}


def test_without_a_supervisord_it_says_so(quick: Settings, tmp_path: Path) -> None:
    done = run(quick, tmp_path, "restart", "--rolling")

    assert done.returncode == Exit.UNAVAILABLE
    assert "supervisord does not answer at" in done.stderr
