import re
from collections.abc import Callable
from pathlib import Path

import pytest

from processor.config import keys, load
from processor.settings import Settings

WriteToml = Callable[[str], Path]
Refusal = Callable[..., str]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[redis]\nshrads = 1", "unknown key redis.shrads; did you mean redis.shards?"),
        ("shards = 1", "unknown key shards; did you mean redis.shards?"),
        ("[worker]\nbatch_second = 1", "did you mean worker.batch_seconds?"),
        ("[redsi]", "unknown key redsi; did you mean redis?"),
        ("gruop = 'x'", "unknown key gruop; did you mean group?"),
        ("redis = 1", "redis is a section: write [redis]"),
        ("[kafka]\nconsumer = 1", "kafka.consumer is a section: write [kafka.consumer]"),
        ("[host]\nname = 'x'", "unknown key host.name"),
        ("zzz = 1", "unknown key zzz (file"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_valid_one(
    refusal: Refusal, toml: WriteToml, text: str, said: str
) -> None:
    path = toml(text)

    message = refusal({}, path)

    assert said in message
    assert f"file {path}" in message


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("DATA_PROCESSOR_REDIS_SHRADS", "did you mean DATA_PROCESSOR_REDIS_SHARDS?"),
        ("DATA_PROCESSOR_redis_shards", "did you mean DATA_PROCESSOR_REDIS_SHARDS?"),
        ("DATA_PROCESSOR_CONFGI", "did you mean DATA_PROCESSOR_CONFIG?"),
        ("DATA_PROCESSOR_", "unknown variable DATA_PROCESSOR_"),
        ("DATA_PROCESSOR_KAFKA_", "unknown variable DATA_PROCESSOR_KAFKA_"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_valid_one(refusal: Refusal, variable: str, said: str) -> None:
    message = refusal({variable: "secret-value"})

    assert said in message
    assert "secret-value" not in message


def test_variables_that_are_no_settings_are_passed_over() -> None:
    environ = dict.fromkeys(keys.FOREIGN_VARIABLES - {keys.CONFIG_VARIABLE}, "x")

    assert load(environ).settings == Settings()


def test_every_variable_that_the_project_itself_names_is_one_that_it_takes() -> None:
    root = Path(__file__).parents[3]
    files = [root / "supervisord.conf", *(path for path in (root / "deploy").rglob("*") if path.is_file())]
    named = {
        name for path in files for name in re.findall(r"DATA_PROCESSOR_[A-Z_]*[A-Z]", path.read_text(errors="replace"))
    }

    unknown = named - set(keys.VARIABLES) - keys.FOREIGN_VARIABLES

    assert {name for name in unknown if not name.startswith("DATA_PROCESSOR_KAFKA_")} == set()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("redis.shards = '4'", 'redis.shards: expected an integer, got "4"'),
        ("redis.shards = true", "redis.shards: expected an integer, got true"),
        ("redis.shards = [1]", "redis.shards: expected an integer, got [1]"),
        ("redis.shards = 1.5", "redis.shards: expected an integer, got 1.5"),
        ("host = 5", "host: expected text in quotes, got 5"),
        ("host = 2024-01-01", "host: expected text in quotes"),
        ("worker.accept_gap = 'yes'", "worker.accept_gap: expected true or false"),
        ("worker.unknown_fields = 'both'", 'expected "keep" or "drop", got "both"'),
        ("flusher.interval_seconds = nan", "flusher.interval_seconds: must be from 0.01 to 86,400, not nan"),
        ("flusher.interval_seconds = inf", "not inf"),
        (f"redis.shards = {'9' * 4000}", "redis.shards: must be from 1 to 128, not 999"),
        (f"host = '{'x' * 5000}'", "host: "),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_with_its_key_and_file(
    refusal: Refusal, toml: WriteToml, text: str, said: str
) -> None:
    path = toml(text)

    message = refusal({}, path)

    assert said in message
    assert f"(file {path})" in message


def test_a_variable_of_the_wrong_kind_is_named(refusal: Refusal) -> None:
    message = refusal({"DATA_PROCESSOR_REDIS_SHARDS": "four"})

    assert message == 'redis.shards: expected an integer, got "four" (variable DATA_PROCESSOR_REDIS_SHARDS)'
    assert "is not UTF-8" in refusal({"DATA_PROCESSOR_HOST": "\udcff"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[redis\nshards = 1", "line 1"),
        ("host = 'a'\ngroup = x\nrun_directory = 1", "line 2"),
        ("x = " + "[" * 10_000, "nested too deep"),
        (f"x = {'9' * 5000}", "not valid TOML"),
    ],
)
def test_malformed_toml_is_refused_with_file_line_and_reason(
    refusal: Refusal, toml: WriteToml, text: str, said: str
) -> None:
    path = toml(text)

    message = refusal({}, path)

    assert message.startswith(f"the configuration file {path} is not valid TOML: ")
    assert said in message


def test_a_file_that_is_not_text_is_refused(refusal: Refusal, tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"host = '\xff'")

    assert "is not valid TOML" in refusal({}, Path("binary.toml"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("topics.replication_factor = 2\ntopics.min_insync_replicas = 3", "no write would ever succeed"),
        ("redis.shards = 0", "must be from 1 to 128"),
        ("redis.shards = 129", "must be from 1 to 128"),
        ("topics.partitions = 0", "topics.partitions: must be from 1"),
        ("topics.max_message_bytes = 500", "topics.max_message_bytes: must be from 1,024"),
        ("topics.input_retention_ms = 0", "must be -1 (keep everything) or at least 1"),
        ("topics.processed = 'user-login'", "is topics.input already"),
        ("topics.input = 'a b'", "topics.input"),
        ("topics.input = '..'", "topics.input"),
        ("host = 'a{b'", "host"),
        ("host = ''", "host"),
        ("group = 'a}b'", "group"),
        ("group = 'a b'", "group"),
        ("redis.prefix = 'log{ins'", "redis.prefix"),
        ("redis.prefix = 'log\\tins'", "redis.prefix"),
        ("run_directory = ''", "run_directory"),
        ("redis.url = 'http://h'", "redis.url: must look like redis://"),
        ("redis.url = 'redis://h:99999999'", "redis.url: must look like redis://"),
        ("redis.url = 'redis://u:p@h'\nredis.password = 'q'", "redis.url holds a password too"),
        ("redis.sentinels = 'a:1,b'", "redis.sentinels: must be host:port of each"),
        ("redis.sentinels = 'a:1,b:port'", "redis.sentinels: must be host:port of each"),
        ("redis.cluster = 'u:p@a:1'", "redis.cluster: must be host:port of each"),
        ("redis.sentinels = 'a:1'\nredis.cluster = 'a:1'", "redis.cluster: redis.sentinels is given too"),
        ("redis.url = 'redis://h/3'\nredis.cluster = 'a:1'", "redis.url: names another database than 0"),
        ("worker.drain_seconds = 1.0", "the last batch could not be finished"),
        ("worker.stall_seconds = 5.0", "the watchdog would end healthy workers"),
        ("flusher.lease_seconds = 10.0", "one slow answer would lose the lease"),
        ("flusher.idle_checkpoint_seconds = 604800.0", "flusher.idle_checkpoint_seconds: must be from"),
        ("kafka.bootstrap.servers = ' '", "must name at least one broker"),
        ("kafka.producer.bootstrap.servers = 'a:1'", "all clients use the same brokers"),
        ("kafka.heartbeat.interval.ms = 6000", "kafka.heartbeat.interval.ms: session.timeout.ms 10,000 must be"),
        ("kafka.consumer.session.timeout.ms = 5000", "kafka.consumer.session.timeout.ms: session.timeout.ms 5,000"),
    ],
)
def test_what_can_not_work_is_refused(refusal: Refusal, toml: WriteToml, text: str, said: str) -> None:
    path = toml(text.replace("\\t", "\t").replace("'log\tins'", '"log\\tins"'))

    message = refusal({}, path)

    assert said in message
    assert f"(file {path})" in message


@pytest.mark.parametrize(
    "endpoint",
    ["127.0.0.1:4318", "http://", "ftp://host/", "http://someone:word@host", "http://host:0", "http://[", "grpc://h"],
)
def test_a_collector_that_is_no_http_url_is_refused_and_not_repeated(refusal: Refusal, endpoint: str) -> None:
    message = refusal({"DATA_PROCESSOR_TRACES_ENDPOINT": endpoint})

    assert message.startswith("traces.endpoint: must look like http://")
    assert "word" not in message.split("(")[0].replace("password", "")
