import os
import subprocess
import sys
from pathlib import Path

import pytest

from processor.claim import claimed
from processor.errors import ConfigurationError, Exit, Fenced

CLAIM = """
import sys
from processor.claim import claimed
with claimed(sys.argv[1], "worker-00"):
    print("claimed", flush=True)
    sys.stdin.read()
"""


def claimer(directory: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIM, directory], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "claimed\n"
    return process


def test_a_second_process_of_one_name_is_fenced_and_told_of_the_first(tmp_path: Path) -> None:
    first = claimer(tmp_path)

    with pytest.raises(Fenced) as caught, claimed(str(tmp_path), "worker-00"):
        pass

    first.communicate()
    assert f"worker-00 runs already as process {first.pid} " in str(caught.value)
    assert caught.value.exit_code == Exit.FENCED


def test_another_name_or_run_directory_is_free(tmp_path: Path) -> None:
    with (
        claimed(str(tmp_path), "worker-00"),
        claimed(str(tmp_path), "worker-01"),
        claimed(str(tmp_path / "b"), "worker-00"),
    ):
        assert (tmp_path / "worker-01.lock").read_text() == str(os.getpid())


def test_a_killed_owner_leaves_the_name_free(tmp_path: Path) -> None:
    first = claimer(tmp_path)
    first.kill()

    with claimed(str(tmp_path), "worker-00"):
        first.communicate()


def test_a_name_can_be_had_again_after_its_owner_left(tmp_path: Path) -> None:
    for _ in range(2):
        with claimed(str(tmp_path), "worker-00"):
            pass


def test_a_run_directory_that_can_not_be_made_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(ConfigurationError, match=r"run_directory: .* can't be written"),
        claimed(f"{tmp_path}/file/x", "w"),
    ):
        pass
