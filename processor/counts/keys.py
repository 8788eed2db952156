"""The names of all keys; DESIGN's table "What is in Redis" says what they hold."""

from processor.errors import ConfigurationError

# The fields of {prefix:S}:cursors beside the partitions, whose fields are their numbers.
LINEAGE = "lineage"
USERS = "users"  # HLEN of counts: a lost `counts` is noticed
CHANGED = "changed"  # HLEN of changed: the same for a lost `changed`; its copy says how many users a snapshot has
FORGETS = "forgets"  # the number of the last forget, beside `before`; missing: nobody was forgotten yet
ID = "id"  # in {prefix:S}:publishing:cursors only: the snapshot's


class Keys:
    """The keys of one shard; the hash tag puts all of them into one slot of a Redis Cluster."""

    def __init__(self, prefix: str, shard: int) -> None:
        tag = f"{{{_whole(prefix)}:{shard}}}"
        self.shard = shard
        self.counts = f"{tag}:counts"
        self.cursors = f"{tag}:cursors"
        self.changed = f"{tag}:changed"
        self.publishing = f"{tag}:publishing"
        self.publishing_cursors = f"{tag}:publishing:cursors"
        self.restoring = f"{tag}:restoring"
        self.forgetting = f"{tag}:forgetting"

    def all(self) -> tuple[str, ...]:
        """Everything that a shard has, in the order in which scripts that touch all of it take them."""
        counted = (self.counts, self.cursors, self.changed)
        return (*counted, self.publishing, self.publishing_cursors, self.restoring, self.forgetting)


def leader_key(prefix: str) -> str:
    """Where the flusher's lease is."""
    return f"{{{_whole(prefix)}}}:leader"


def hosts_key(prefix: str) -> str:
    """Where the hosts leave their heartbeats."""
    return f"{{{_whole(prefix)}}}:hosts"


def stopped_key(prefix: str) -> str:
    """Where workers say which partitions the breaker stopped."""
    return f"{{{_whole(prefix)}}}:stopped"


def _whole(prefix: str) -> str:
    if not prefix or "{" in prefix or "}" in prefix:
        raise ConfigurationError(
            f"redis.prefix is {prefix!r}: it must not be empty or have braces, which end a hash tag"
        )
    return prefix
