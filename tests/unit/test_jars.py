"""Kafka's jars are fetched once, whoever asks at the same time."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.local import jars

MAVEN = """#!/bin/sh
echo asked >>"$(dirname "$0")/asked"
[ ! -e "$(dirname "$0")/refused" ] || { rm "$(dirname "$0")/refused"; exit 1; }
for word in "$@"; do case $word in -DoutputDirectory=*) folder=${word#*=};; esac; done
mkdir -p "$folder"
sleep 0.2
echo jar >"$folder/kafka.jar"
"""


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a Maven on the path that notes each time it is asked, in a file `asked` beside it."""
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text(MAVEN)
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{maven.parent}:{os.environ['PATH']}")
    return maven.parent


def test_who_asks_while_they_are_fetched_waits_and_finds_them(tmp_path: Path, bin_folder: Path) -> None:
    folder = tmp_path / "state" / "jars"

    with ThreadPoolExecutor(4) as callers:
        list(callers.map(lambda number: jars.fetch(folder, tmp_path / f"{number}.log"), range(4)))

    assert jars.are_fetched(folder)
    assert (folder / "kafka.jar").read_text() == "jar\n"
    assert (bin_folder / "asked").read_text() == "asked\n"


def test_a_file_that_is_refused_for_a_moment_is_asked_for_again(
    tmp_path: Path, bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jars, "_PAUSES", (0.0, 0.0))
    (bin_folder / "refused").touch()

    jars.fetch(tmp_path / "jars", tmp_path / "maven.log")

    assert jars.are_fetched(tmp_path / "jars")
    assert (bin_folder / "asked").read_text() == "asked\nasked\n"
