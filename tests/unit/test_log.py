import ast
import fcntl
import json
import logging
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from processor.log import JsonLines, Stderr
from tests.stack import ROOT

START = "from processor import log; log.start('worker-03', ['hush-hush', 'a\"b\"c']);"


def run(code: str) -> list[dict[str, object]]:
    """Run a process with its stderr in a pipe and return its lines."""
    done = subprocess.run([sys.executable, "-c", START + code], stderr=subprocess.PIPE, text=True, check=False)
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_an_event_is_one_json_line_with_its_facts() -> None:
    (line,) = run("log.event('producer replaced', why='a\\nb', partitions=[1, 2], seconds=0.5)")

    assert (line["level"], line["process"], line["event"]) == ("info", "worker-03", "producer replaced")
    assert (line["why"], line["partitions"], line["seconds"]) == ("a\nb", [1, 2], 0.5)
    assert list(line)[:4] == ["time", "level", "process", "event"]


def test_a_fact_can_not_replace_what_every_line_has() -> None:
    (line,) = run("log.warning('w', time=1, level=2, event=3)")

    assert (line["level"], line["event"]) == ("warning", "w")


def test_lines_of_other_loggers_come_the_same_way() -> None:
    (line,) = run("import logging; logging.getLogger('librdkafka').warning('FAIL %s', 'x')")

    assert (line["level"], line["event"], line["logger"]) == ("warning", "FAIL x", "librdkafka")


def test_python_warnings_come_the_same_way() -> None:
    (line,) = run("import warnings; warnings.warn('old')")

    assert line["logger"] == "py.warnings"


@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError('oh')",
        "import threading; t = threading.Thread(target=lambda: int('oh')); t.start(); t.join()",
    ],
)
def test_an_uncaught_error_is_one_line_with_its_traceback(code: str) -> None:
    (line,) = run(code)

    assert line["level"] == "critical"
    assert "Traceback" in str(line["traceback"])
    assert "oh" in str(line["traceback"])


@pytest.mark.parametrize(
    "code",
    [
        "log.event('with hush-hush inside')",
        "log.event('x', url='redis://:hush-hush@h')",
        "log.event('x', why='said a\"b\"c here')",
        "raise ValueError('hush-hush')",
        "log.hide(['later-secret']); log.event('x', why='later-secret')",
    ],
)
def test_secrets_are_struck_out_wherever_they_turn_up(code: str) -> None:
    (line,) = run(code)

    written = json.dumps(line)
    assert "***" in written
    for secret in ("hush-hush", 'a\\"b', "later-secret"):
        assert secret not in written


def test_what_json_does_not_know_is_written_as_text() -> None:
    (line,) = run("import pathlib; log.event('x', path=pathlib.Path('/a'), error=ValueError('v'))")

    assert (line["path"], line["error"]) == ("/a", "v")


def test_on_a_terminal_a_line_is_for_reading() -> None:
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", START + "log.warning('oh', partition=3)"], stderr=theirs, check=True)
    os.close(theirs)

    line = os.read(ours, 4096).decode()
    os.close(ours)

    assert line.strip().endswith("worker-03  WARNING oh  partition=3")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe of one page: (read end, write end)."""
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    yield read_end, write_end
    os.close(read_end)
    os.close(write_end)


def logger(descriptor: int) -> tuple[logging.Logger, Stderr]:
    handler = Stderr(descriptor)
    handler.setFormatter(JsonLines("p", []))
    own = logging.Logger("processor")
    own.addHandler(handler)
    return own, handler


def read_bytes(read_end: int) -> bytes:
    """Read what is there, without waiting for more."""
    os.set_blocking(read_end, False)
    text = b""
    try:
        while part := os.read(read_end, 65_536):
            text += part
    except BlockingIOError:
        pass
    return text


def read_all(read_end: int) -> list[dict[str, object]]:
    return [json.loads(line) for line in read_bytes(read_end).decode().splitlines()]


def test_a_pipe_that_nobody_reads_holds_nothing_up_and_the_lost_lines_are_counted(pipe: tuple[int, int]) -> None:
    # Given a process that writes more than a pipe holds
    own, _ = logger(pipe[1])
    for number in range(1000):
        own.info("line %d", number)
    before = read_all(pipe[0])

    # When somebody reads again
    own.info("the next line")

    # Then the first lines are there, whole, and the number of those that are not
    lost, next_line = read_all(pipe[0])
    assert [line["event"] for line in before] == [f"line {n}" for n in range(len(before))]
    assert lost["event"] == "Log lines were lost because nobody read them"
    assert lost["lines"] == 1000 - len(before)
    assert next_line["event"] == "the next line"


def test_a_line_longer_than_the_pipe_is_finished_before_the_next(pipe: tuple[int, int]) -> None:
    own, _ = logger(pipe[1])
    own.info("x" * 9_000)
    text = b""

    for _ in range(5):
        text += read_bytes(pipe[0])
        own.info("short")

    long, lost = [json.loads(line) for line in text.decode().splitlines()[:2]]
    assert long["event"] == "x" * 9_000
    assert lost["lines"] >= 1


def test_lost_lines_are_told_of_at_the_end_too(pipe: tuple[int, int]) -> None:
    own, handler = logger(pipe[1])
    for number in range(100):
        own.info("line %d", number)
    kept = read_all(pipe[0])

    handler.close()

    (lost,) = read_all(pipe[0])
    assert lost["lines"] == 100 - len(kept)


def test_a_reader_that_is_gone_ends_nothing() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    own, handler = logger(write_end)

    for number in range(10):
        own.info("line %d", number)
    handler.close()
    os.close(write_end)


def test_a_line_that_can_not_be_formatted_is_told_of(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+b") as file:
        own, _ = logger(file.fileno())

        own.info("needs %d", "a number")

        file.seek(0)
        assert b"could not be formatted" in file.read()


def test_no_line_is_made_of_what_came_in_a_record() -> None:
    personal = {"user", "user_id", "login", "record", "message", "values", "key", "headers", "ip", "device_id"}
    found = []
    for path in (ROOT / "processor").rglob("*.py"):
        tree = ast.parse(path.read_text())
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id in {"event", "warning", "error"}:
                inside = [*ast.walk(ast.Tuple([*call.args, *(each.value for each in call.keywords)], ast.Load()))]
                names = {node.id for node in inside if isinstance(node, ast.Name)}
                names |= {node.attr for node in inside if isinstance(node, ast.Attribute)}
                found += [f"{path.name}:{call.lineno} {name}" for name in names & personal]

    assert found == []
