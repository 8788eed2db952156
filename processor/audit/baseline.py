"""The baseline file: positions and counts that a passed audit leaves, so that the next needs only what is new.

Frames of MessagePack, each with its length before it: first the positions, then the users with their counts. Only the
owner can read it, as it names users; it is replaced as a whole or not at all.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2s
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO

from msgspec import MsgspecError, Struct, msgpack

from processor.audit.begin import Baseline
from processor.settings import Settings

_CHUNK = 100_000  # users a frame
_LENGTH = 8  # bytes that say how long a frame is


class Users(Struct, array_like=True):
    """Some users of one shard with their counts."""

    shard: int
    users: list[str]
    counts: list[int]


class Saved(Struct, frozen=True):
    """A baseline that was found."""

    baseline: Baseline
    counts: list[dict[str, int]]  # per shard


def path_of(settings: Settings) -> Path:
    """Where the baseline of this pool is kept."""
    pool = blake2s(f"{settings.group} {settings.redis.prefix}".encode(), digest_size=4).hexdigest()
    return Path(settings.run_directory) / f"audit-{pool}.baseline"


def load(path: Path, identity: Mapping[str, str], shards: int) -> Saved | None:
    """Read it; None when there is none, when it is of something else, or when it can't be read."""
    try:
        with path.open("rb") as file:
            frames = _frames(file)
            baseline = msgpack.decode(next(frames), type=Baseline)
            if baseline.identity != identity or len(baseline.floors) != shards:
                return None
            return Saved(baseline, _counts(frames, shards))
    except (OSError, MsgspecError, StopIteration, EOFError, IndexError):
        return None


def _counts(frames: Iterator[bytes], shards: int) -> list[dict[str, int]]:
    counts: list[dict[str, int]] = [{} for _ in range(shards)]
    for frame in frames:
        part = msgpack.decode(frame, type=Users)
        counts[part.shard].update(zip(part.users, part.counts, strict=True))
    return counts


def _frames(file: BinaryIO) -> Iterator[bytes]:
    while length := file.read(_LENGTH):
        frame = file.read(int.from_bytes(length, "big"))
        if len(length) < _LENGTH or len(frame) < int.from_bytes(length, "big"):
            raise EOFError
        yield frame


class Draft:
    """The counts, put aside on disk when they stand where the baseline wants them; the audit goes on with them."""

    def __init__(self, path: Path, shards: Sequence[Mapping[str, int]]) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._counts = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed by `close`
        for shard, counts in enumerate(shards):
            users, numbers = list(counts), list(counts.values())
            for at in range(0, len(users), _CHUNK):
                part = Users(shard, users[at : at + _CHUNK], numbers[at : at + _CHUNK])
                _write(self._counts, msgpack.encode(part))

    def keep(self, baseline: Baseline) -> None:
        """Make it the baseline, in place of the former one."""
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=self._path.name)  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                _write(file, msgpack.encode(baseline))
                self._counts.seek(0)
                copyfileobj(self._counts, file)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise

    def close(self) -> None:
        """Let the disk have its space back."""
        self._counts.close()


def _write(file: BinaryIO, frame: bytes) -> None:
    file.write(len(frame).to_bytes(_LENGTH, "big"))
    file.write(frame)
