"""A broker that ends while it starts is started again, as a supervisor would, and what it said is kept."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import jars, ports
from deploy.local.problem import Problem
from tests import stack
from tests.chaos.brokers import STARTS, ChaosBroker

# In the place of java: its first processes end as a broker does that finds no quorum to register with.
JAVA = """#!/bin/sh
case "$*" in *kafka.Kafka*)
    echo start >> "{folder}/starts"
    if [ "$(wc -l < "{folder}/starts")" -le {ends} ]; then
        echo 'ERROR Shutting down because we were unable to register' >> "{folder}/broker/log/broker.log"
        exit 1
    fi
esac
exec {java} "$@"
"""
Ending = Callable[[int], ChaosBroker]


@pytest.fixture
def ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ending]:
    """Make a broker of which so many processes end while they start."""
    made: list[ChaosBroker] = []
    folder = jars.jars_folder(stack.ROOT / ".local")
    jars.fetch(folder, tmp_path / "maven.log")

    def make(ends: int) -> ChaosBroker:
        (tmp_path / "java").write_text(JAVA.format(folder=tmp_path, ends=ends, java=shutil.which("java")))
        (tmp_path / "java").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        port, controller_port = ports.pick_free(2)
        made.append(ChaosBroker(tmp_path / "broker", folder, port, controller_port, {}, True, True))
        return made[-1]

    yield make
    for broker in made:
        broker.kill()


def test_a_broker_that_ends_while_starting_is_started_again_and_its_ends_are_noted(ending: Ending) -> None:
    broker = ending(2)

    broker.start()

    assert broker.daemon.pid is not None
    assert len(broker.ends) == 2
    assert all("unable to register" in end for end in broker.ends)


def test_a_broker_that_ends_again_and_again_is_given_up_with_what_it_said(ending: Ending, tmp_path: Path) -> None:
    broker = ending(STARTS)

    with pytest.raises(Problem, match="unable to register"):
        broker.start()

    assert len((tmp_path / "starts").read_text().splitlines()) == STARTS


def test_a_broker_that_was_killed_on_purpose_has_not_ended_by_itself(ending: Ending) -> None:
    broker = ending(0)
    broker.launch()

    broker.kill()
    broker.launch()

    assert broker.ends == []
