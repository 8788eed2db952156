"""How a local stack is to be: as asked, else as it was, else as usual."""

import subprocess

import pytest

from deploy.local.problem import Problem
from deploy.local.starting import Asked, decide
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


def test_data_keeps_its_partitions() -> None:
    with pytest.raises(Problem, match="has 4 partitions, not 5"):
        decide(Asked(None, None, 5), Options(), running=False)


@pytest.mark.parametrize("option", ["--kafka-port", "--redis-port", "--partitions", "--logins"])
def test_what_is_no_number_is_said_in_a_persons_words(option: str) -> None:
    done = subprocess.run([ROOT / "deploy/local/up", option, "x"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.endswith(f"deploy/local/up: error: argument {option}: 'x' is not a number\n")
