"""`data-processor generate` and `load`, on a real broker: what they say is in the topic, byte for byte."""

import json
import os
from collections import defaultdict
from itertools import chain, islice
from pathlib import Path

import pytest
from confluent_kafka import KafkaException

from deploy.local.servers import Broker
from processor.errors import Exit
from processor.logins.generated import BLOCK, Recipe, records
from processor.settings import Settings
from tests.command import only_line, run, started
from tests.pool import bounds, eventually, read

Record = tuple[bytes | None, bytes | None]


def by_key(found: list[Record]) -> dict[bytes | None, list[bytes | None]]:
    """The values of each key, in order: a key's records share a partition."""
    values: dict[bytes | None, list[bytes | None]] = defaultdict(list)
    for key, value in found:
        values[key].append(value)
    return values


def has_records(settings: Settings) -> bool:
    try:
        return any(end for _, end in bounds(settings, settings.topics.input).values())
    except KafkaException:
        return False  # a topic that was just made may not have its leaders yet


def in_topic(settings: Settings) -> list[Record]:
    return read(settings, settings.topics.input)


@pytest.mark.usefixtures("topics")
def test_the_topic_holds_exactly_what_the_recipe_makes(settings: Settings, tmp_path: Path) -> None:
    recipe = Recipe(seed=5, users=40, skew=0.5, malformed=0.2)
    amount = BLOCK + 100

    options = ("--logins", str(amount), "--users", "40", "--skew", "0.5", "--malformed", "0.2", "--seed", "5")
    done = run(settings, tmp_path, "generate", *options)

    assert (done.returncode, done.stderr) == (Exit.OK, "")
    assert only_line(done.stdout) == f"delivered to {settings.topics.input}: {amount:,}"
    made = list(chain.from_iterable(islice(records(recipe), 2)))[:amount]
    assert by_key(in_topic(settings)) == by_key(made)


@pytest.mark.usefixtures("topics")
def test_keys_go_where_java_clients_send_them(settings: Settings, tmp_path: Path) -> None:
    run(settings, tmp_path, "load", "-", given=b'{"user_id":"some key"}\n')

    # murmur2 of b"some key", as Kafka's own DefaultPartitioner has it, leads to partition 3 of 4.
    ends = {partition: end for partition, (_, end) in bounds(settings, settings.topics.input).items()}
    assert ends == {p: int(p == java_partition(b"some key", 4)) for p in range(4)}


def java_partition(key: bytes, partitions: int) -> int:
    """Kafka's Utils.murmur2, made positive, modulo."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(key)) & mask
    whole = len(key) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at : at + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if tail := key[whole:]:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return ((h ^ h >> 15) & 0x7FFFFFFF) % partitions


@pytest.mark.usefixtures("topics")
def test_seconds_and_rate_make_so_many(settings: Settings, tmp_path: Path) -> None:
    done = run(settings, tmp_path, "generate", "--seconds", "0.5", "--rate", "200")

    assert done.returncode == Exit.OK
    assert len(in_topic(settings)) == 100


@pytest.mark.parametrize(
    "options", [[], ["--logins", "1", "--seconds", "1"], ["--logins", "0"], ["--logins", "1", "--malformed", "2"]]
)
def test_options_that_make_no_sense_are_a_matter_of_usage(
    options: list[str], settings: Settings, tmp_path: Path
) -> None:
    done = run(settings, tmp_path, "generate", *options)

    assert done.returncode == Exit.USAGE
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("topics")
@pytest.mark.parametrize("piped", [False, True])
def test_each_line_is_a_record_with_the_same_bytes(piped: bool, settings: Settings, tmp_path: Path) -> None:
    lines = [b'{"user_id":"a"}\r', b"\xff\x00", b'  {"user_id": 7} ', b"[1]", b'{"user_id":"a","timestamp":"?"}']
    file = tmp_path / "lines"
    file.write_bytes(b"\n\n".join(lines))

    done = run(settings, tmp_path, "load", "-" if piped else str(file), given=file.read_bytes() if piped else None)

    assert (done.returncode, done.stderr) == (Exit.OK, "")
    assert only_line(done.stdout) == f"delivered to {settings.topics.input}: 5; empty lines skipped: 4"
    found = by_key(in_topic(settings))
    assert found[b"a"] == [lines[0], lines[4]]
    assert found[b"7"] == [lines[2]]
    assert sorted(value or b"" for value in found[None]) == sorted([lines[1], lines[3]])


@pytest.mark.usefixtures("topics")
def test_a_line_that_is_too_large_is_left_out_and_said(settings: Settings, tmp_path: Path) -> None:
    small, large = b'{"user_id":"small"}', json.dumps({"user_id": "large", "x": os.urandom(1_000_000).hex()}).encode()
    compressible = b'{"user_id":"compressible","x":"' + b"x" * 5_000_000 + b'"}'

    done = run(settings, tmp_path, "load", "-", given=b"\n".join([small, large, compressible, small]))

    assert done.returncode == Exit.REFUSED
    assert "larger ones were left out: 1." in only_line(done.stderr)
    assert only_line(done.stdout).endswith(": 3")
    assert by_key(in_topic(settings)) == {b"small": [small, small], b"compressible": [compressible]}


@pytest.mark.parametrize("name", ["nonesuch", "."])
def test_a_file_that_can_not_be_read_is_a_matter_of_usage(name: str, settings: Settings, tmp_path: Path) -> None:
    done = run(settings, tmp_path, "load", str(tmp_path / name))

    assert done.returncode == Exit.USAGE
    assert "Traceback" not in done.stderr


COMMANDS = [["generate", "--logins", "10"], ["load", "-"]]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_without_its_topic_nothing_is_fed(command: list[str], settings: Settings, tmp_path: Path) -> None:
    done = run(settings, tmp_path, *command, given=b"{}\n")

    assert (done.returncode, done.stdout) == (Exit.UNAVAILABLE, "")
    assert "`data-processor topics create` makes it" in only_line(done.stderr)


@pytest.mark.usefixtures("topics")
def test_a_broker_that_restarts_meanwhile_loses_and_repeats_nothing(
    settings: Settings, kafka: Broker, tmp_path: Path
) -> None:
    with started(settings, tmp_path, "generate", "--seconds", "8", "--rate", "1000") as feeding:
        eventually("the first are in the log", lambda: has_records(settings))
        kafka.kill()
        kafka.start()
        said, complaint = feeding.communicate(timeout=300)

    assert (feeding.returncode, complaint) == (Exit.OK, b"")
    assert said.endswith(b": 8,000\n")
    made = list(chain.from_iterable(islice(records(Recipe()), 2)))[:8000]
    assert by_key(in_topic(settings)) == by_key(made)
