"""The checkpoint of user-aggregations as its group's committed offsets hold it, read without trusting it."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import DecodeError

from processor.audit.findings import Difference, Findings
from processor.kafka.offsets import Reached


class Committed(Protocol):
    """A committed offset and what was written beside it."""

    @property
    def offset(self) -> int:
        """The least of the shards' checkpoints."""

    @property
    def metadata(self) -> str:
        """Each shard's, as a JSON list; null for none."""


Shards = list[dict[int, int]]  # for each shard: partition → up to where its users' published counts stand


def forgets_of(committed: Mapping[int, Committed], shards: int) -> list[int]:
    """For each shard the number of the last forget that is published; 0 for none."""
    found = [0] * shards
    for at in committed.values():
        read = _read(at.metadata)
        for shard, number in enumerate(read.forgets[:shards] if read else ()):
            found[shard] = max(found[shard], number)
    return found


def shards_of(committed: Mapping[int, Committed], shards: int) -> Shards:
    """Each shard's checkpoint; a partition whose metadata can't be read has none."""
    found: Shards = [{} for _ in range(shards)]
    for partition, at in committed.items():
        for shard, offset in zip(found, _listed(at.metadata) or (), strict=False):
            if offset is not None:
                shard[partition] = offset
    return found


def check(committed: Mapping[int, Committed], shards: int, findings: Findings) -> None:
    """Name the partitions whose committed offset is not the least of their shards' checkpoints."""
    for partition, at in committed.items():
        listed = _listed(at.metadata)
        if listed is None or len(listed) != shards:
            said = f"has no checkpoint of {shards} shards in its metadata"
        elif at.offset != (0 if None in listed else min(offset for offset in listed if offset is not None)):
            said = f"is {at.offset}, not the least of the shards' checkpoints {at.metadata}"
        else:
            continue
        message = f"the aggregations group's committed offset {said}"
        findings.add(Difference("checkpoint-wrong", message, "input", partition, at.offset))


def _listed(metadata: str) -> list[int | None] | None:
    read = _read(metadata)
    return read.offsets if read else None


def _read(metadata: str) -> Reached | None:
    try:
        return Reached.read(metadata)
    except DecodeError:
        return None
