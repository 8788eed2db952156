"""How a local stack is to be: as asked, else as it was, else as usual."""

import subprocess
from pathlib import Path

import pytest

from deploy.local import state
from deploy.local.asked import Asked, decide
from deploy.local.monitoring import Ports
from deploy.local.problem import Problem
from deploy.local.state import ROOT, Options

NOTHING = Asked(None, None, None)


def test_without_data_and_without_a_word_the_usual_ports_are_taken() -> None:
    assert decide(NOTHING, None, running=False) == Options(9092, 6379, 4, fed=False)


def test_a_stack_comes_back_as_it_was() -> None:
    saved = Options(kafka_port=19092, redis_port=16379, partitions=8, fed=True)

    assert decide(NOTHING, saved, running=False) == saved


def test_a_stopped_stack_may_move_to_other_ports() -> None:
    options = decide(Asked(29092, None, None), Options(fed=True), running=False)

    assert options == Options(kafka_port=29092, fed=True)


def test_naming_what_already_is_changes_nothing_on_a_running_stack() -> None:
    assert decide(Asked(9092, 6379, 4), Options(), running=True) == Options()


@pytest.mark.parametrize("asked", [Asked(29092, None, None), Asked(None, 26379, None), Asked(None, None, 5)])
def test_a_running_stack_is_not_changed(asked: Asked) -> None:
    with pytest.raises(Problem, match="is running with --kafka-port 9092 --redis-port 6379 --partitions 4"):
        decide(asked, Options(), running=True)


def test_data_keeps_its_brokers_and_three_of_them_their_ports() -> None:
    three = Options(brokers=3)

    assert decide(Asked(None, None, None, 3), three, running=False) == three
    with pytest.raises(Problem, match="is of 1 broker, not 3"):
        decide(Asked(None, None, None, 3), Options(), running=False)
    with pytest.raises(Problem, match="ports from 9092 on"):
        decide(Asked(29092, None, None), three, running=False)


def test_no_two_servers_of_a_stack_want_one_port() -> None:
    options = Options(brokers=3)
    taken = [
        *options.broker_ports,
        *(port + 1 for port in options.broker_ports),
        options.exporter_port,
        *options.certificate_ports,
        *options.jmx_ports,
    ]
    taken += Ports.of(options).named.values()

    assert len(set(taken)) == len(taken)


def test_a_cluster_that_was_begun_goes_on_with_the_same_identity(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "KAFKA", tmp_path / "kafka")

    assert state.identity(3) == state.identity(3)


def test_a_stack_is_secured_when_asked_and_then_until_asked_otherwise() -> None:
    secured = decide(Asked(None, None, None, secure=True), Options(fed=True), running=False)

    assert decide(Asked(None, None, None), secured, running=False).secure
    assert not decide(Asked(None, None, None, secure=False), secured, running=False).secure
    with pytest.raises(Problem, match="stop it first"):
        decide(Asked(None, None, None, secure=True), Options(), running=True)


def test_data_keeps_its_partitions() -> None:
    with pytest.raises(Problem, match="has 4 partitions, not 5"):
        decide(Asked(None, None, 5), Options(), running=False)


@pytest.mark.parametrize("option", ["--kafka-port", "--redis-port", "--partitions", "--logins"])
def test_what_is_no_number_is_said_in_a_persons_words(option: str) -> None:
    done = subprocess.run([ROOT / "deploy/local/up", option, "x"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.endswith(f"deploy/local/up: error: argument {option}: 'x' is not a number\n")
