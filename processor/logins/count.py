"""How logins become counts: so many of each user, by shard."""

from collections import Counter
from collections.abc import Iterable
from zlib import crc32


def shard_of(user_id: str, shards: int) -> int:
    """Tell the shard that keeps a user's count; it never changes for a given number of shards."""
    return crc32(user_id.encode()) % shards


def tally(user_ids: Iterable[str], shards: int) -> list[Counter[str]]:
    """Count each user's logins among these, one Counter a shard."""
    everyone = Counter(user_ids)
    if shards == 1:
        return [everyone]
    by_shard: list[Counter[str]] = [Counter() for _ in range(shards)]
    for user_id, logins in everyone.items():
        by_shard[shard_of(user_id, shards)][user_id] = logins
    return by_shard
