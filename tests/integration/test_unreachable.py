"""Every tool without Kafka and Redis: soon, with one line, and 4."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace

from processor.errors import Exit
from processor.settings import KafkaSettings, RedisSettings, Settings
from tests.command import only_line, started

NOWHERE = Settings(
    host="tools",
    kafka=KafkaSettings(client={"bootstrap.servers": "127.0.0.1:1"}),
    redis=RedisSettings(url="redis://127.0.0.1:1/0"),
)
ASKS_KAFKA = [("topics", "create"), ("topics", "check"), ("generate", "--logins", "1"), ("load", "/dev/null")]
ASKS_REDIS = [("count", "someone"), ("top",)]


def test_every_tool_says_so_in_one_line_within_seconds(tmp_path: Path) -> None:
    with ExitStack() as stack:  # all at once: each waits for ten seconds
        running = {
            command: stack.enter_context(started(NOWHERE, tmp_path, *command)) for command in ASKS_KAFKA + ASKS_REDIS
        }

        ended = {command: process.communicate(timeout=300) for command, process in running.items()}

        for command, (said, complaint) in ended.items():
            system = "Kafka" if command in ASKS_KAFKA else "Redis"
            assert only_line(complaint.decode()).startswith(f"data-processor: {system}"), command
            assert (running[command].returncode, said) == (Exit.UNAVAILABLE, b""), command


@pytest.mark.parametrize("silent", ["kafka", "redis", "both"])
def test_status_shows_what_the_other_one_knows(silent: str, settings: Settings, tmp_path: Path) -> None:
    reachable = {
        "kafka": replace(settings, kafka=NOWHERE.kafka),
        "redis": replace(settings, redis=NOWHERE.redis),
        "both": NOWHERE,
    }
    with started(reachable[silent], tmp_path, "status") as status:
        said, complaint = status.communicate(timeout=300)

    assert (status.returncode, complaint) == (Exit.UNAVAILABLE, b"")
    first, *rest = said.decode().splitlines()
    assert first.startswith("UNREACHABLE: ")
    for system in ("Kafka", "Redis"):
        assert (f"{system} does not answer" in first) == (silent in {system.lower(), "both"})
    assert any(line.startswith("shard") for line in rest) == (silent == "kafka")
