"""`data-processor count` and `top`, on a real Redis."""

import json
from pathlib import Path

import pytest

from processor.counts.connection import connect
from processor.counts.loading import Loading
from processor.errors import Exit
from processor.settings import Settings
from tests.command import only_line, run
from tests.counting import LINEAGE, STRANGE_USERS

USERS = {"ann": 3, "bob": 12_345, "cy": 3}


@pytest.fixture
def counted(settings: Settings) -> Settings:
    """Redis has these users' counts."""
    count(settings, USERS)
    return settings


def count(settings: Settings, users: dict[str, int]) -> None:
    loading = Loading(connect(settings.redis, "test"), settings.redis, LINEAGE)
    assert loading.begin(0, "r")
    assert loading.add(0, "r", 0, users)
    assert loading.finish(0, "r", 1, len(users), {})


def test_users_are_listed_in_the_order_they_were_asked_for(counted: Settings, tmp_path: Path) -> None:
    done = run(counted, tmp_path, "count", "bob", "ann")

    assert (done.returncode, done.stderr) == (Exit.OK, "")
    assert [line.split() for line in done.stdout.splitlines()] == [["user", "logins"], ["bob", "12,345"], ["ann", "3"]]


def test_a_user_without_logins_has_0_and_ends_with_1(counted: Settings, tmp_path: Path) -> None:
    done = run(counted, tmp_path, "count", "nobody", "ann", "--json")

    assert done.returncode == Exit.DIFFERENCE
    assert json.loads(done.stdout) == {"nobody": 0, "ann": 3}


def test_strange_user_ids_are_users_as_any(settings: Settings, tmp_path: Path) -> None:
    users = {user: at + 1 for at, user in enumerate(user for user in STRANGE_USERS if "\0" not in user)}
    count(settings, users)

    done = run(settings, tmp_path, "count", "--json", "--", *users)

    assert (done.returncode, done.stderr) == (Exit.OK, "")
    assert json.loads(done.stdout) == users


def test_the_top_are_those_with_the_most_logins_equal_ones_by_name(counted: Settings, tmp_path: Path) -> None:
    shown = run(counted, tmp_path, "top", "2")
    everyone = run(counted, tmp_path, "top", "--json")

    assert [line.split()[0] for line in shown.stdout.splitlines()] == ["user", "bob", "ann"]
    assert list(json.loads(everyone.stdout).items()) == [("bob", 12_345), ("ann", 3), ("cy", 3)]
    assert (shown.returncode, everyone.returncode) == (Exit.OK, Exit.OK)


@pytest.mark.parametrize("command", [["count", "ann"], ["top"]])
def test_an_empty_redis_is_not_one_where_nobody_logged_in(
    command: list[str], settings: Settings, tmp_path: Path
) -> None:
    done = run(settings, tmp_path, *command)

    assert (done.returncode, done.stdout) == (Exit.UNAVAILABLE, "")
    assert "shard 0 has no counts yet" in only_line(done.stderr)


@pytest.mark.parametrize("arguments", [["count"], ["top", "0"], ["top", "many"]])
def test_arguments_that_make_no_sense_are_a_matter_of_usage(
    arguments: list[str], settings: Settings, tmp_path: Path
) -> None:
    done = run(settings, tmp_path, *arguments)

    assert done.returncode == Exit.USAGE
    assert "Traceback" not in done.stderr
