"""Redriving beside the real pool, killed everywhere, and two at once: to the record."""

import json
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from deploy.local.servers import Broker
from processor.faults import VARIABLE
from processor.settings import Settings
from tests import command
from tests.pool import Account, dead_letters, eventually, pool, published_counts, read, redis_counts

SEED = random.SystemRandom().randrange(2**32)

# Whatever comes in, a login of its own comes out.
MEND = """#!/bin/sh
read -r id </proc/sys/kernel/random/uuid
printf '{"user_id":"mended","device_id":"mended-%s"}' "$id"
"""
POINTS = ["redrive.after-records", "redrive.before-commit", "redrive.after-commit"]


@pytest.fixture
def mend(tmp_path: Path) -> str:
    """Make the filter; its path."""
    path = tmp_path / "mend"
    path.write_text(MEND)
    path.chmod(0o700)
    return str(path)


def test_mended_letters_become_logins_exactly_once_whatever_is_killed(
    quick: Settings, tmp_path: Path, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account(quick, SEED)
    redrive = ("dead-letters", "redrive", "--all", "--yes", "--filter", mend)
    with pool(quick, tmp_path) as running:
        account.feed(2_600, malformed=0.5)  # more than one transaction's letters
        account.check()
        for point in POINTS:
            monkeypatch.setenv(VARIABLE, point)
            killed = command.run(quick, tmp_path, *redrive)
            assert killed.returncode == -signal.SIGKILL, killed.stderr
            monkeypatch.delenv(VARIABLE)
            running.kill("worker-00")
            running.revive()
        for _ in range(2):
            done = command.run(quick, tmp_path, *redrive)
            assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].split() == ["0", "redriven"]

        for partition in range(4):  # what ends a partition is no transaction's marker then: it is settled
            account.feed(10, malformed=0, partition=partition)
        account.users["mended"] = account.malformed
        eventually("everything committed, counted and published", account.settled)

        processed = Counter(json.loads(value or b"")["device_id"] for _, value in read(quick, quick.topics.processed))
        mended = Counter({device: n for device, n in processed.items() if device.startswith("mended-")})
        assert processed - mended == account.logins
        assert len(mended) == mended.total() == account.malformed
        assert len(dead_letters(quick)) == account.malformed
        assert redis_counts(quick) == published_counts(quick) == account.users
        audit = command.run(quick, tmp_path, "audit", "--json")
        found = json.loads(audit.stdout)
        assert (audit.returncode, found["dead_letters"]) == (0, account.malformed), found
        assert found["dead_letters_redriven"] == account.malformed
        status = command.run(quick, tmp_path, "status", "--json")
        assert json.loads(status.stdout)["dead_letters"] == {"records": account.malformed, "exact": True}


@pytest.fixture
def editing(tmp_path: Path, mend: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An editor that mends, but not before the file `close` is there; its folder, where it makes the file `open`."""
    editor = tmp_path / "editor"
    waiting = f"touch {tmp_path}/open\nwhile [ ! -e {tmp_path}/close ]; do sleep 0.1; done"
    editor.write_text(f'#!/bin/sh\n{waiting}\n{mend} >"$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    return tmp_path


@pytest.mark.parametrize("restarted", [False, True])
def test_two_redrives_at_once_send_no_letter_twice(
    quick: Settings, kafka: Broker, editing: Path, mend: str, restarted: bool
) -> None:
    account = Account(quick, SEED)
    with pool(quick, editing, workers=1):
        account.feed(20, malformed=1)
        eventually("all are dead letters", lambda: len(dead_letters(quick)) == 20)
    with command.started(quick, editing, "dead-letters", "redrive", "--all", "--edit", "--yes") as first:
        eventually("the editor is open", (editing / "open").exists)
        done = command.run(quick, editing, "dead-letters", "redrive", "--all", "--yes", "--filter", mend)
        assert done.stdout.splitlines()[-1].split() == ["20", "redriven"]
        if restarted:
            kafka.kill()
            kafka.start()
        (editing / "close").touch()
        out, said = first.communicate(timeout=300)

    if restarted:  # it lost its connection, begins anew, and finds that nothing is left to do
        assert (first.returncode, out.split()[-2:]) == (0, [b"0", b"redriven"]), said
    else:
        assert first.returncode == 6, said
        assert "has taken over" in command.only_line(said.decode())
        assert b"Redriven for certain: 0" in said
    assert sum(b"mended-" in (value or b"") for _, value in read(quick, quick.topics.input)) == 20
