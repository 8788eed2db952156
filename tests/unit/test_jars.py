"""Kafka's jars are fetched once, whoever asks at the same time."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.local import jars

MAVEN = """#!/bin/sh
echo asked >>"$(dirname "$0")/asked"
for word in "$@"; do case $word in -DoutputDirectory=*) folder=${word#*=};; esac; done
mkdir -p "$folder"
sleep 0.2
echo jar >"$folder/kafka.jar"
"""


def test_who_asks_while_they_are_fetched_waits_and_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maven = tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text(MAVEN)
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{maven.parent}:{os.environ['PATH']}")
    folder = tmp_path / "state" / "jars"

    with ThreadPoolExecutor(4) as callers:
        list(callers.map(lambda number: jars.fetch(folder, tmp_path / f"{number}.log"), range(4)))

    assert jars.are_fetched(folder)
    assert (folder / "kafka.jar").read_text() == "jar\n"
    assert (maven.parent / "asked").read_text() == "asked\n"
