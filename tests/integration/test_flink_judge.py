"""What deploy/flink judges in Java is what the pool judges: reason, words and every byte of the processed record."""

import random
import struct
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from deploy.flink import build
from processor.logins.decode import Decoder
from processor.logins.generated import Recipe, records
from processor.logins.process import encode
from processor.logins.records import Rejected
from processor.logins.unusual import UnknownFields
from tests import stack
from tests.unit.hostile import CASES

NOW = 1_700_000_000_123  # as Verdicts.java has it
RECORD_TIMES = [NOW, NOW, NOW, 0, -1, -62_135_596_800_001, 253_402_300_799_999, 253_402_300_800_000]
SNIPPETS = [
    *[bytes([each]) for each in b'{}[]:,"\\0eE.- \n'],
    *(rb"\ud83d", rb"\ude80", rb"\u0000", b"\xff", b"\x00", b"1e400", b"null", b"true", b'"user_id"', b'"timestamp":'),
    *(b'"2024-W53-7T23:59:59,999+01"', b'"20241215T10"', b'"0001-01-01T00:00+00:01"', b"-0", b"-62135596800.0001"),
    *(
        rb'"us\u0065r_id":',
        b"9" * 300,
        b"[" * 513,
        b'"x":1,"x":[2 ,3]',
        '"\u00e9\u007f\U0001f680"'.encode(),
        rb'"\/\b"',
    ),
]
Input = tuple[bytes | None, int]


@pytest.fixture(scope="module")
def built() -> Path:
    return build.built(stack.ROOT / ".local")


def inputs(seed: int) -> list[Input]:
    """The hostile ones, seeded logins, and both mutilated."""
    stream = random.Random(seed)
    hostile = [value for value, _ in CASES.values()]
    logins = [value for block in islice(records(Recipe(seed=seed, malformed=0.3)), 2) for _, value in block]
    short = [value for value in [*hostile, *logins] if value and len(value) < 2_000]
    mutilated = [_mutilated(stream, stream.choice(short)) for _ in range(30_000)]
    return [(value, stream.choice(RECORD_TIMES)) for value in [*hostile, *logins, *mutilated, *_times(stream)]]


def _mutilated(stream: random.Random, value: bytes) -> bytes:
    changed = bytearray(value)
    for _ in range(stream.randint(1, 3)):
        at = stream.randint(0, len(changed))
        changed[at : at + stream.choice([0, 0, 1, 1, 4, 30])] = stream.choice([b"", *SNIPPETS])
    return bytes(changed)


def _times(stream: random.Random) -> Iterator[bytes]:
    """Time stamps of every form, most of them near one that there is."""
    for _ in range(10_000):
        year, two = stream.choice([0, 1, 2023, 2024, 2026, 9998, 9999, stream.randint(0, 9999)]), _two(stream)
        date = stream.choice(
            [
                f"{year:04}-{two[0]}-{two[1]}",
                f"{year:04}{two[0]}{two[1]}",
                f"{year:04}-W{two[4]}",
                f"{year:04}W{two[4]}7",
            ]
        )
        time = stream.choice(["", f"T{two[2]}", f" {two[2]}:{two[3]}", f"T{two[2]}{two[3]}{two[3]}.{two[0]}99999"])
        zone = stream.choice(["", "Z", f"+{two[2]}:{two[3]}", f"-{two[2]}"])
        number = f"{stream.choice(['-', ''])}{stream.randint(0, 10 ** stream.randint(1, 16))}.{two[0]}E{two[1]}"
        held = stream.choice([f'"{date}{time}{zone}"', number, f'"{number[:-4]}"', number[:-4]])
        yield f'{{"user_id":"u","timestamp":{held},"x":0}}'.encode()


def _two(stream: random.Random) -> list[str]:
    return [f"{stream.randint(0, most):02}" for most in (13, 32, 24, 60, 54)]


def judged_in_java(built: Path, given: list[Input], unknown: UnknownFields) -> list[bytes]:
    frames = [struct.pack(">i", len(given))]
    for value, timestamp in given:
        frames.append(struct.pack(">qi", timestamp, -1 if value is None else len(value)) + (value or b""))
    command = ["java", "-cp", build.classpath(built), "dataprocessor.Verdicts", unknown]
    answer = memoryview(subprocess.run(command, input=b"".join(frames), capture_output=True, check=True).stdout)
    verdicts, at = [], 0
    while at < len(answer):
        is_login, length = struct.unpack_from(">bi", answer, at)
        at += 5 + length
        text = bytes(answer[at - length : at])
        verdicts.append(b"login " + text if is_login else text)
    return verdicts


def judged_here(given: Input, decoder: Decoder) -> bytes:
    login = decoder.decode(*given)
    if isinstance(login, Rejected):
        return f"{login.reason}: {'JSON is malformed' if login.reason == 'json' else login.message}".encode()
    return b"login " + encode(login, NOW)


@pytest.mark.parametrize("unknown", ["keep", "drop"])
def test_java_judges_each_value_as_the_pool_does(built: Path, unknown: UnknownFields) -> None:
    given = inputs(seed=8 if unknown == "keep" else 88)
    decoder = Decoder(unknown)
    found = judged_in_java(built, given, unknown)
    assert len(found) == len(given)
    differing = [
        (value[:300] if value else value, timestamp, theirs[:300], ours[:300])
        for (value, timestamp), theirs in zip(given, found, strict=True)
        if theirs != (ours := judged_here((value, timestamp), decoder))
    ]
    assert not differing, (len(differing), differing[:5])
