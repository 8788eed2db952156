"""A short run of the harness on secured brokers: every class of fault once, decided by a seed."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests import stack
from tests.chaos.faults.all import FAULTS

SEED = os.environ.get("CHAOS_SEED", "20261122")
QUICKLY = ("--one-a-row", "--haste", "0.1", "--rate", "300", "--linger", "50", "--partitions", "4")


@pytest.mark.timeout(3600)
def test_every_login_is_processed_once_and_counted_once_through_every_class_of_fault(tmp_path: Path) -> None:
    options = ["--seed", SEED, *QUICKLY]
    print(f"tests/chaos/run {' '.join(options)}")
    command = [str(stack.ROOT / "tests/chaos/run"), *options, "--reports", str(tmp_path)]
    with (tmp_path / "told").open("w") as told:
        done = subprocess.run(command, stdout=told, stderr=told, check=False)
    print((tmp_path / "told").read_text())  # how late what was, too: that is told, and decides nothing
    report = json.loads(next(tmp_path.glob("*.json")).read_text())
    assert report["verdict"]["exact"]
    assert not report["broken"], "a fault could not be injected"
    assert not report["leaks"]
    assert [kind["name"] for kind in report["by_kind"] if kind["slowest"] is None] == [], "no progress at all"
    assert {kind["row"] for kind in report["by_kind"]} == {fault.row for fault in FAULTS.values()}
    assert done.returncode == 0
