"""The checkpoint of user-aggregations as its group's committed offsets hold it, read without trusting it."""

from collections.abc import Mapping
from typing import Protocol

from msgspec import DecodeError, json

from processor.audit.findings import Difference, Findings


class Committed(Protocol):
    """A committed offset and what was written beside it."""

    @property
    def offset(self) -> int:
        """The least of the shards' checkpoints."""

    @property
    def metadata(self) -> str:
        """Each shard's, as a JSON list; null for none."""


Shards = list[dict[int, int]]  # for each shard: partition → up to where its users' published counts stand


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
    try:
        return json.decode(metadata, type=list[int | None])
    except DecodeError:
        return None
