"""An audit's baseline after the counts were divided anew: the same positions and counts, by the new shards."""

from collections.abc import Mapping
from contextlib import closing

from msgspec.structs import replace

from processor.audit.baseline import Draft, load, path_of
from processor.logins.count import shard_of
from processor.settings import Settings


def carry(old: Settings, new: Settings, identity: Mapping[str, str], lineage: str) -> bool | None:
    """Make this host's baseline one for the new settings; None where it has none, False where that can't be.

    A new shard has users of several old ones, so it can't be where the old ones stood at different offsets: they do not
    after an audit of a pool at rest. Then audits begin where counting began, until one leaves a baseline.
    """
    saved = load(path_of(old), identity, old.redis.shards)
    if saved is None:
        return None
    floor, *others = saved.baseline.floors
    if any(other != floor for other in others):
        return False
    shards = new.redis.shards
    counts: list[dict[str, int]] = [{} for _ in range(shards)]
    for each in saved.counts:
        for user, logins in each.items():
            counts[shard_of(user, shards)][user] = logins
    try:
        with closing(Draft(path_of(new), counts)) as draft:
            forgets = [max(saved.baseline.forgets)] * shards if saved.baseline.forgets else []
            identity = {**identity, "lineage": lineage}
            draft.keep(replace(saved.baseline, identity=identity, floors=[floor] * shards, forgets=forgets))
    except OSError:
        return False
    return True
