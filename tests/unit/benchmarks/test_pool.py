"""A pool is measured only when every worker has its own share: earlier, one would do the others' work."""

from pathlib import Path

import pytest

from benchmarks.rig.pool import is_ready, read

ASSIGNED_TWO = '{"event": "partitions assigned", "owned": [0, 1]}'
LEFT_ONE = '{"event": "partitions revoked", "owned": [1]}'
STARTED = '{"event": "started", "partitions": {"0": 0}}'


@pytest.mark.parametrize(
    ("lines", "ready"),
    [
        ([], False),
        ([ASSIGNED_TWO, STARTED], False),
        ([ASSIGNED_TWO, STARTED, LEFT_ONE], False),
        ([ASSIGNED_TWO, STARTED, LEFT_ONE, STARTED], True),
        (["a client's own words", LEFT_ONE, STARTED, '{"event": "else"}'], True),
    ],
)
def test_a_worker_is_ready_with_its_share_and_its_place(lines: list[str], ready: bool, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join(lines))

    assert is_ready(read(log), share=1) is ready
