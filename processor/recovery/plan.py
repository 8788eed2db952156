"""What a restore by hand finds, does and refuses; pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from processor.errors import ConfigurationError, Refused

Offsets = Mapping[int, int]
Bounds = Mapping[int, tuple[int, int]]


class ShardPlan(Struct, frozen=True):
    """One shard as it stands, and whether it will be filled anew."""

    shard: int
    lineage: str | None
    damage: str
    users: int
    cursors: dict[int, int]
    checkpoint: dict[int, int]
    published: int  # users whom user-aggregations has for it
    rebuild: bool

    @property
    def state(self) -> str:
        """How it is, in a word or a few."""
        return "empty" if self.lineage is None else self.damage or "sound"


class Plan(Struct, frozen=True):
    """All shards, and how many records between the checkpoint and the committed offset will be counted again."""

    shards: Sequence[ShardPlan]
    again: int

    @property
    def chosen(self) -> list[int]:
        """Which ones will be filled anew."""
        return [each.shard for each in self.shards if each.rebuild]


def chosen(shards: int, asked: Collection[int], broken: Collection[int]) -> set[int]:
    """The shards that were asked for, and those that can't be used as they are; raises ConfigurationError."""
    unknown = sorted(set(asked) - set(range(shards)))
    if unknown:
        raise ConfigurationError(f"--rebuild {unknown[0]}: there are the shards 0 to {shards - 1}")
    return {*asked, *broken}


def refuse_without_backup(plan: ShardPlan, aggregations: str, group: str) -> None:
    """Raise Refused where nobody knows which logins are in the published counts."""
    if plan.rebuild and plan.published and not plan.checkpoint:
        raise Refused(
            f"Kafka: {aggregations} holds {plan.published} users of shard {plan.shard}, but group {group} has no "
            "checkpoint for them (expired, or the group was deleted): nobody knows which logins they count. "
            "`data-processor reset` starts over"
        )


def refuse_without_log(plan: ShardPlan, origins: Offsets, log: Bounds) -> None:
    """Raise Refused where what was counted since the checkpoint could not be counted again."""
    if not plan.rebuild or plan.lineage is None:  # an empty one has nothing to lose
        return
    for partition, start, low in gaps(plan.checkpoint, plan.cursors, origins, log):
        raise Refused(
            f"shard {plan.shard} would be set back to offset {start} of partition {partition}, but retention deleted "
            f"the log below {low}: what lies between could not be counted again. Nothing was changed; if the shard is "
            "lost anyway, set worker.accept_gap = true and run it again"
        )


def gaps(checkpoint: Offsets, cursors: Offsets, origins: Offsets, log: Bounds) -> Iterator[tuple[int, int, int]]:
    """Each partition whose log begins after the place to which a shard would be set back: it, the place, the log's."""
    for partition, (low, _) in sorted(log.items()):
        start = checkpoint.get(partition, origins.get(partition, low))
        if start < low and cursors.get(partition, low) > start:
            yield partition, start, low


def again(plans: Sequence[ShardPlan], committed: Offsets, origins: Offsets) -> int:
    """How many records lie between the least checkpoint of what is filled anew and the committed offsets."""
    rebuilt = [plan.checkpoint for plan in plans if plan.rebuild]
    return sum(
        max(0, at - min(each.get(p, origins.get(p, 0)) for each in rebuilt)) for p, at in committed.items() if rebuilt
    )


def level(shards: Sequence[Offsets], checkpoint: Sequence[Offsets]) -> dict[int, int]:
    """The offsets that all shards are brought to before they are divided anew: the highest of each partition."""
    partitions = sorted({p for each in (*shards, *checkpoint) for p in each})
    return {p: max(each[p] for each in (*shards, *checkpoint) if p in each) for p in partitions}
