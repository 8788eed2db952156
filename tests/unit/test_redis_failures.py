"""Whose turn it is after an error of Redis, and that a message keeps secrets."""

import pytest
from redis import exceptions

from processor.counts.connection import connect
from processor.counts.failures import failure
from processor.errors import ConfigurationError, DataProcessorError, Refused, Unavailable
from processor.settings import RedisSettings

IN_SCRIPT_6 = "Error running script (call to f_2fa2b029f72572e803ff55a09b1282699aecae6a): @user_script:13: -{} "


@pytest.mark.parametrize(
    ("problem", "kind", "cure"),
    [
        (
            exceptions.ConnectionError("Error 111 connecting to 127.0.0.1:6379. Connection refused."),
            Unavailable,
            "refused",
        ),
        (exceptions.TimeoutError("Timeout reading from socket"), Unavailable, "in time"),
        (exceptions.BusyLoadingError("Redis is loading the dataset in memory"), Unavailable, "loading"),
        (exceptions.ReadOnlyError("You can't write against a read only replica."), Unavailable, "primary"),
        (exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), Unavailable, "maxmemory"),
        (exceptions.NoScriptError("No matching script."), Unavailable, "restarted"),
        (exceptions.MasterDownError("Link with MASTER is down"), Unavailable, "primary"),
        (exceptions.ClusterDownError("The cluster is down"), Unavailable, "cluster"),
        (exceptions.TryAgainError("Multiple keys request during rehashing of slot"), Unavailable, "moves"),
        (exceptions.ResponseError("MISCONF Errors writing to the AOF file"), Unavailable, "disk"),
        (exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."), Unavailable, "replicas"),
        (exceptions.ResponseError("BUSY Redis is busy running a script."), Unavailable, "busy"),
        (exceptions.ResponseError("WRONGTYPE Operation against a key"), Refused, "redis.prefix"),
        (
            exceptions.NoPermissionError("this user has no permissions to run the 'copy' command"),
            Refused,
            "ACL SETUSER",
        ),
        (exceptions.ResponseError("The user executing the script can't run this command"), Refused, "ACL SETUSER"),
        (exceptions.ResponseError("ACL failure in script: User pool has no permissions"), Refused, "ACL SETUSER"),
        (exceptions.AuthenticationError("invalid username-password pair"), ConfigurationError, "redis.password"),
        (exceptions.MovedError("3999 127.0.0.1:6381"), ConfigurationError, "redis.cluster"),
        (exceptions.ResponseError("unknown command 'COPY'"), Refused, "6.2"),
    ],
)
def test_an_error_says_whose_turn_it_is(problem: Exception, kind: type[DataProcessorError], cure: str) -> None:
    found = failure(problem, "there:6379", "counting")

    assert type(found) is kind
    assert "there:6379: counting" in str(found)
    assert cure in str(found)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("OOM", Unavailable),
        ("READONLY", Unavailable),
        ("MISCONF", Unavailable),
        ("NOPERM", Refused),
        ("WRONGTYPE", Refused),
    ],
)
def test_an_error_inside_a_script_of_redis_6_is_judged_by_its_own_code(code: str, kind: type[Exception]) -> None:
    assert type(failure(exceptions.ResponseError(IN_SCRIPT_6.format(code)), "there", "counting")) is kind


@pytest.mark.parametrize(
    "problem",
    [
        exceptions.AuthenticationError("AUTH s3cret called without any password"),
        exceptions.ResponseError("unknown command `AUTH`, with args beginning with: `s3cret`, "),
    ],
)
def test_a_message_never_repeats_what_was_sent(problem: Exception) -> None:
    assert "s3cret" not in str(failure(problem, "there", "counting"))


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3cret/more@there:6379/0",
        "redis://:12/s3cret@there:6379/0",
        "redis://there:s3cret",
        "http://:s3cret@there",
        "redis://there:6379/0?retry_on_timeout=yes",
        "redis://there:6379/0?ssl_nonsense=s",
        "redis://there:6379/zero",
        "unix://",
        "there:6379",
    ],
)
def test_a_url_that_can_not_work_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        connect(RedisSettings(url=url), "test")

    assert "redis.url" in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("several", [{"sentinels": "a:1,b:2"}, {"cluster": "a:1,b:2"}])
def test_what_the_url_says_of_tls_holds_for_all_servers_and_may_not_be_nonsense(several: dict[str, str]) -> None:
    assert connect(RedisSettings(url="rediss://there:6379/0?ssl_check_hostname=true", **several), "test")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="nonsense"):
        connect(RedisSettings(url="rediss://there:6379/0?ssl_nonsense=s", **several), "test")  # type: ignore[arg-type]


def test_a_cluster_that_moves_keys_is_waited_for_and_an_unforeseen_one_is_refused() -> None:
    moved = exceptions.MovedError("3999 127.0.0.1:6381")

    assert type(failure(moved, "there", "counting", moves=True)) is Unavailable
    assert type(failure(moved, "there", "counting")) is ConfigurationError


def test_the_place_in_messages_has_no_password() -> None:
    assert connect(RedisSettings(url="redis://me:s3cret@there:6380/2"), "test").where == "there:6380/2"
    assert connect(RedisSettings(url="unix:///run/redis.sock"), "test").where == "/run/redis.sock"


def test_a_password_file_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"redis\.password_file /nowhere/it\.is"):
        connect(RedisSettings(password_file="/nowhere/it.is"), "test")  # noqa: S106  # a path
