import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from processor.errors import Exit

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("DATA_PROCESSOR_", "SUPERVISOR_"))}
COMMAND = [sys.executable, "-m", "processor.cli"]
NOBODY = "127.0.0.1:1"  # no broker listens there


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments], env=CLEAN | environ, capture_output=True, text=True, check=False, timeout=3000
    )


def only_line(text: str) -> str:
    (line,) = text.splitlines()
    return line


def test_config_prints_each_key_its_value_and_origin(tmp_path: Path) -> None:
    (tmp_path / "some.toml").write_text("redis.shards = 3\nkafka.client.rack = 'a'")

    done = run("config", "--config", "some.toml", DATA_PROCESSOR_HOST="vm-1")

    lines = {line.split()[0]: line.split(maxsplit=2)[1:] for line in done.stdout.splitlines()}
    assert lines["host"] == ['"vm-1"', "variable DATA_PROCESSOR_HOST"]
    assert lines["redis.shards"] == ["3", "file some.toml"]
    assert lines["kafka.client.rack"] == ['"a"', "file some.toml"]
    assert lines["worker.accept_gap"] == ["false", "default"]


def test_config_as_json_is_one_object(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush-hush\n")

    done = run(
        "config",
        "--json",
        DATA_PROCESSOR_KAFKA_SASL_PASSWORD_FILE="secret",  # noqa: S106 (a path)
        DATA_PROCESSOR_REDIS_URL="redis://user:geheim@127.0.0.1/0",
    )

    shown = json.loads(done.stdout)
    assert shown["kafka.sasl.password"] == {"value": "***", "origin": "file secret"}
    assert shown["redis.url"]["value"] == "redis://user:***@127.0.0.1/0"
    assert shown["redis.shards"] == {"value": 1, "origin": "default"}
    assert "hush" not in done.stdout
    assert "geheim" not in done.stdout


def test_config_shows_what_librdkafka_is_told_by_default_and_what_nobody_may_change(tmp_path: Path) -> None:
    (tmp_path / "some.toml").write_text("kafka.consumer.'session.timeout.ms' = 45_000\nkafka.'linger.ms' = 7")

    shown = json.loads(run("config", "--json", "--config", "some.toml").stdout)

    assert shown["kafka.consumer.isolation.level"] == {"value": "read_committed", "origin": "fixed"}
    assert shown["kafka.consumer.heartbeat.interval.ms"] == {"value": 3000, "origin": "default"}
    assert shown["kafka.consumer.session.timeout.ms"] == {"value": 45_000, "origin": "file some.toml"}
    assert shown["kafka.linger.ms"] == {"value": 7, "origin": "file some.toml"}
    assert "kafka.producer.linger.ms" not in shown, "it is overridden by what holds for every client"


@pytest.mark.parametrize("place", ["before", "after", "with ="])
def test_the_configuration_may_be_named_before_and_after_the_command(tmp_path: Path, place: str) -> None:
    (tmp_path / "some.toml").write_text("host = 'named'")
    arguments = {
        "before": ["--config", "some.toml", "config", "--json"],
        "after": ["config", "--config", "some.toml", "--json"],
        "with =": ["config", "--json", "--config=some.toml"],
    }

    done = run(*arguments[place], DATA_PROCESSOR_CONFIG="another.toml")

    assert json.loads(done.stdout)["host"] == {"value": "named", "origin": "file some.toml"}


@pytest.mark.parametrize("message", ["login", "processed", "aggregation"])
def test_schema_prints_a_json_schema(message: str) -> None:
    done = run("schema", message)

    assert json.loads(done.stdout)["type"] == "object"
    assert "user_id" in json.loads(done.stdout)["properties"]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"DATA_PROCESSOR_REDIS_SHRADS": "2"}, "did you mean DATA_PROCESSOR_REDIS_SHARDS?"),
        ({"DATA_PROCESSOR_CONFIG": "nowhere.toml"}, "nowhere.toml can't be read"),
        ({"DATA_PROCESSOR_KAFKA_LINGER_MSEC": "2"}, "did you mean linger.ms?"),
        ({"DATA_PROCESSOR_KAFKA_ACKS": "0"}, "can't be set"),
    ],
)
def test_a_mistake_in_the_configuration_is_one_line_and_exit_code_2(environ: dict[str, str], said: str) -> None:
    done = run("config", **environ)

    line = only_line(done.stderr)
    assert (done.returncode, done.stdout) == (Exit.USAGE, "")
    assert line.startswith("data-processor: ")
    assert said in line


@pytest.mark.parametrize("command", [["worker", "--slot", "0"], ["flusher"], ["exporter"]])
def test_a_process_says_so_in_its_log(command: list[str]) -> None:
    done = run(*command, DATA_PROCESSOR_KAFKA_ACKS="0")

    line = json.loads(only_line(done.stderr))
    assert done.returncode == line["exit_code"] == Exit.USAGE
    assert "kafka.acks can't be set" in line["event"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["schema", "nonsense"],
        ["worker"],
        ["worker", "--slot", "-1"],
        ["config", "--nonsense"],
        ["--config"],
    ],
)
def test_a_mistake_in_the_arguments_is_exit_code_2_without_a_traceback(arguments: list[str]) -> None:
    done = run(*arguments)

    assert done.returncode == Exit.USAGE
    assert "Traceback" not in done.stderr
    assert "rror: " in done.stderr


@pytest.mark.parametrize("arguments", [[], ["config"], ["schema"], ["worker"], ["flusher"], ["exporter"]])
def test_everything_has_help(arguments: list[str]) -> None:
    done = run(*arguments, "--help")

    assert done.returncode == Exit.OK
    assert "sage: data-processor" in done.stdout
    assert "--help" in done.stdout


def test_help_lists_processes_and_tools() -> None:
    shown = run("--help").stdout

    for command in ("worker", "flusher", "exporter", "config", "schema", "metrics"):
        assert f"\n  {command} " in shown


def test_there_is_a_version() -> None:
    assert run("--version").stdout.startswith("data-processor")


def test_help_imports_no_client_and_draws_nothing() -> None:
    code = """
import sys
from processor.cli import app, main
sys.argv = ["data-processor", "--help"]
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert {"confluent_kafka", "redis", "rich"} & set(done.stderr.split()) == set()


def process(*arguments: str, **environ: str) -> "subprocess.Popen[str]":
    """A process of the pool that finds no broker."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        env=CLEAN | {"DATA_PROCESSOR_KAFKA_BOOTSTRAP_SERVERS": NOBODY, "DATA_PROCESSOR_RUN_DIRECTORY": "run"} | environ,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(running: "subprocess.Popen[str]", words: str) -> dict[str, object]:
    """Read a process's log up to the event with these words."""
    assert running.stderr
    for text in running.stderr:
        line: dict[str, object] = json.loads(text)
        if words in str(line["event"]):
            return line
    raise AssertionError(f"it ended without saying {words!r}")


def test_a_process_that_keeps_dying_is_held_back_and_a_stop_ends_that_in_order(tmp_path: Path) -> None:
    deaths = tmp_path / "run" / "worker-03.deaths"
    deaths.parent.mkdir()
    deaths.write_text("9")

    with process("worker", "--slot", "3") as running:
        line = until(running, "held back")
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=300) == Exit.OK

    assert (line["process"], line["deaths"]) == ("worker-03", 9)
    assert not deaths.exists()


def test_a_second_worker_of_one_slot_is_fenced(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "worker-00.deaths").write_text("9")
    with process("worker", "--slot", "0") as first:
        until(first, "held back")

        with process("worker", "--slot", "0") as second:
            line = until(second, "runs already")
            assert second.wait(timeout=300) == Exit.FENCED

        first.kill()
    assert str(first.pid) in str(line["event"])


def test_under_a_supervisor_a_start_that_can_only_fail_again_is_no_hot_loop() -> None:
    with process("worker", "--slot", "0", DATA_PROCESSOR_HOST="", SUPERVISOR_ENABLED="1") as running:
        line = until(running, "host: ")
        assert not select.select([running.stderr], [], [], 1.0)[0]  # it lingers: its end would close the pipe
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=300) == Exit.OK

    assert line["exit_code"] == Exit.USAGE
