"""Where a reset starts, and what it changes; pure."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import MsgspecError, Struct, json

from processor.errors import ConfigurationError, Refused
from processor.kafka.beginnings import Beginnings

Bounds = Mapping[int, tuple[int, int]]


class Choice(Struct, frozen=True):
    """What was asked for: the log's first offsets, its ends, or offsets of one's own."""

    to: str  # "earliest", "latest" or "offsets"
    offsets: dict[int, int] = {}


class Plan(Struct, frozen=True):
    """All that a reset changes, and what it leaves."""

    starts: dict[int, int]  # partition of the input → the first record that will be processed and counted
    committed: dict[int, int]  # of the group, as it is
    input: dict[int, tuple[int, int]]
    users: int  # in Redis
    published: int  # users in user-aggregations; each gets a tombstone
    forgotten: int  # users whose logins of before, as far as the log has them, count again
    lineages: list[str | None]  # of the shards, as they are
    lineage: str  # as it will be


def choice(to: str | None, offsets: str | None) -> Choice:
    """Read the options; `offsets` is JSON, or names a file that holds it. Raises ConfigurationError."""
    if offsets is None:
        return Choice(to or "earliest")
    if to is not None:
        raise ConfigurationError("say either --to or --to-offsets")
    try:
        text = offsets if offsets.lstrip().startswith("{") else Path(offsets).read_text(encoding="utf-8")
        return Choice("offsets", json.decode(text, type=dict[int, int]))
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"--to-offsets: {offsets} can't be read: {problem}") from problem
    except MsgspecError as problem:
        raise ConfigurationError(
            f'--to-offsets must be a JSON object of partitions and offsets, as {{"0": 12, "1": 34}}: {problem}'
        ) from problem


def starts(chosen: Choice, bounds: Bounds) -> dict[int, int]:
    """Each partition's start; raises Refused for offsets that are not in the log, or do not name every partition."""
    if chosen.to != "offsets":
        return {p: at[chosen.to == "latest"] for p, at in bounds.items()}
    if chosen.offsets.keys() != bounds.keys():
        raise Refused(
            f"the offsets name the partitions {sorted(chosen.offsets)}, the input has {sorted(bounds)}: name each one"
        )
    for partition, (low, high) in bounds.items():
        if not low <= chosen.offsets[partition] <= high:
            raise Refused(
                f"partition {partition} can't start at offset {chosen.offsets[partition]}: its log reaches from {low} "
                f"to {high}"
            )
    return dict(sorted(chosen.offsets.items()))


def beginnings(when: str, processed: Bounds, dead_letters: Bounds) -> Beginnings:
    """Outputs count from their present ends on: the older ones stay, and belong to what was before."""
    ends = ({p: high for p, (_, high) in bounds.items()} for bounds in (processed, dead_letters))
    return Beginnings(when, *ends)
