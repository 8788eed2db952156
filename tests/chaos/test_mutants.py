"""Every planted bug is caught in a story with real processes, and the sound pool is exact in each of them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec, module_from_spec

import pytest

from tests.chaos.mutants import FAULTS, MUTANTS, environment
from tests.chaos.mutants.stories import STORIES
from tests.chaos.mutants.theatre import Theatre, caught, theatre


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    with theatre(tmp_path_factory.mktemp("mutants")) as opened:
        yield opened


@pytest.mark.parametrize("story", STORIES)
def test_the_sound_pool_is_exact(house: Theatre, story: str) -> None:
    verdict = house.verdicts(STORIES[story].group)[story, None]
    assert not verdict, "\n".join(verdict)


@pytest.mark.parametrize(("story", "mutant"), [(s.name, mutant) for s in STORIES.values() for mutant in s.mutants])
def test_a_mutant_is_caught(house: Theatre, story: str, mutant: str) -> None:
    verdict = house.verdicts(STORIES[story].group)[story, mutant]
    print(mutant, verdict)
    assert caught(verdict), "\n".join(verdict)


def test_every_mutant_has_its_story_and_names_faults_that_are_known() -> None:
    assert {mutant for story in STORIES.values() for mutant in story.mutants} == set(MUTANTS)
    assert {row for mutant in MUTANTS.values() for row in mutant.faults} <= set(FAULTS)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_finds_what_it_replaces(mutant: str) -> None:
    spec = find_spec(MUTANTS[mutant].module)
    assert spec is not None
    assert spec.loader is not None
    copy = module_from_spec(spec)
    spec.loader.exec_module(copy)

    MUTANTS[mutant].plant(copy)

    for script in ("apply", "add", "drop", "take") if spec.name == "processor.counts.connection" else ():
        assert copy._source(script)


def run(code: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=False, env=os.environ | variables, capture_output=True, text=True)


def test_a_mutant_is_planted_in_whatever_process_has_its_name_in_the_environment() -> None:
    code = "from processor.logins.batch import Batch; print(Batch.user_ids.__module__)"

    assert run(code, **environment("counts-dead-letters")).stdout.strip() == "tests.chaos.mutants.counting"
    assert run(code).stdout.strip() == "processor.logins.batch"


def test_a_misspelt_mutant_ends_the_process() -> None:
    done = run("", **environment(None, stops=True), CHAOS_MUTANT="no-such-mutant")

    assert done.returncode != 0
    assert "no-such-mutant" in done.stderr


def test_nothing_is_planted_where_nothing_is_asked_for() -> None:
    path = environment(None, stops=True)["PYTHONPATH"]

    done = run("import sys; print(*(m for m in sys.modules if m.startswith('tests')))", PYTHONPATH=path)

    assert (done.returncode, done.stdout.strip()) == (0, "")
