"""What scripts have in common: an answer opens with its verdict, and two verdicts mean the same everywhere."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import msgpack

from processor.counts.keys import FORGETS, Keys
from processor.errors import LineageMismatch, NotReady, Refused

Offsets = dict[int, int]

_MOVED = "moved to "
TAKEN_OVER = "taken over by Flink (deploy/flink migrate)"
"""What stands in the lineage's place of a shard whose logins Flink processes now."""

BATCH = 1000  # users a scan step asks for (about 0.3 ms of Redis's time), and at most a batch


def verdict(answer: list[Any], keys: Keys, lineage: str) -> str:
    """Return the first word of an answer. Raises NotReady or LineageMismatch for 'lineage', Refused for 'lost'."""
    word = str(answer[0], "ascii")
    if word == "lineage":
        check_lineage(answer[1], keys, lineage)
    elif word == "lost":
        raise lost(keys, f"{str(answer[1], 'utf-8')} has {answer[2]} users, not {_shown(answer[3])}")
    return word


def check_lineage(found: bytes | None, keys: Keys, lineage: str) -> None:
    """Raise NotReady for a shard without a lineage, LineageMismatch for one with another."""
    if found is None:
        raise NotReady(f"Redis: shard {keys.shard} is empty ({keys.cursors} has no lineage): the flusher restores it")
    there = str(found, "utf-8", "replace")
    if moved(there):
        raise LineageMismatch(f"Redis: the counts of shard {keys.shard} were {there}: set both so, then start again")
    if there == TAKEN_OVER:
        raise LineageMismatch(f"Redis: shard {keys.shard} was {there}, which processes the logins now: stop this pool")
    if there != lineage:
        raise LineageMismatch(
            f"Redis: shard {keys.shard} counts for lineage `{there}`, this pool is of lineage `{lineage}`. If only "
            "redis.shards is another: set it back, or `data-processor restore --shards`; if the counts shall start "
            "anew: `data-processor reset`; else give this pool its own redis.prefix"
        )


def moved_to(prefix: str, shards: int) -> str:
    """What stands in the lineage's place of a shard whose counts are somewhere else now."""
    return f"{_MOVED}redis.prefix={prefix} redis.shards={shards}"


def moved(lineage: str) -> bool:
    """Whether this is what `moved_to` made."""
    return lineage.startswith(_MOVED)


def forgets_in(fields: Mapping[bytes, bytes]) -> int:
    """The number of the last forget, among the fields of a cursors hash; 0 for none."""
    with _ours("the number of a forget"):
        return int(fields.get(FORGETS.encode(), 0))


def lost(keys: Keys, what: str) -> Refused:
    """Make the error for a shard that lost something which nobody of ours deletes."""
    return Refused(
        f"Redis: shard {keys.shard} lost users: {what}. Something evicted, deleted or changed a key. "
        f"`data-processor restore --rebuild {keys.shard}` fills it from user-aggregations; the workers then count the "
        "rest again"
    )


def offsets(fields: Mapping[bytes, bytes]) -> Offsets:
    """Pick the partitions among the fields of a cursors hash."""
    with _ours("a cursor"):
        return {int(field): int(value) for field, value in fields.items() if field.isdigit()}


def counted(users: Mapping[bytes, bytes]) -> list[tuple[str, int]]:
    """Read the users of a hash with their counts."""
    with _ours("a count"):
        return [(str(user, "utf-8"), int(logins)) for user, logins in users.items()]


def answered(cursors: Sequence[bytes | None]) -> dict[int, int | None]:
    """Read the cursors that a script answers as a flat list; None where there is none."""
    with _ours("a cursor"):
        return {
            int(p or b""): None if at is None else int(at) for p, at in zip(cursors[::2], cursors[1::2], strict=True)
        }


def mapping(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    """Make the dict that a script answers as a flat list of fields and values."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def batches(users: list[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    """Cut into pieces that a script can `unpack`: a small hash is scanned in one step, however Redis defines small."""
    return (users[at : at + BATCH] for at in range(0, len(users), BATCH))


def packed_users(users: Mapping[str, int]) -> tuple[bytes, bytes]:
    """Pack two arguments: the users, and their logins in the same order."""
    return msgpack.encode(list(users)), msgpack.encode(list(users.values()))


def packed_offsets(cursors: Mapping[int, int]) -> bytes:
    """Pack one argument: partition -> offset, both strings since a Lua number is exact only up to 2^53."""
    return msgpack.encode({str(partition): str(offset) for partition, offset in cursors.items()})


@contextmanager
def _ours(what: str) -> Iterator[None]:
    """Refuse what none of our scripts would have written."""
    try:
        yield
    except ValueError as problem:
        raise Refused(
            f"Redis: something else wrote {what} that can't be read: keep it away from redis.prefix, and then "
            "`data-processor restore --rebuild` that shard"
        ) from problem


def _shown(recorded: bytes | None) -> str:
    return "any number: it is not recorded" if recorded is None else str(recorded, "ascii", "replace")
