"""How a shard is, for whoever has to decide whether it must be restored."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from processor.counts.answers import Offsets, check_lineage, mapping, moved, offsets
from processor.counts.connection import Connection
from processor.counts.keys import CHANGED, ID, LINEAGE, USERS, Keys
from processor.errors import Refused
from processor.faults import reach
from processor.settings import RedisSettings


class Condition(Struct, frozen=True):
    """One shard at one instant; `damage` says what is wrong with it, and is empty where nothing is."""

    shard: int
    lineage: str | None  # None: it is empty, and waits to be restored
    users: int
    cursors: Offsets
    damage: str = ""

    @property
    def moved(self) -> bool:
        """Whether its counts were moved to another prefix."""
        return self.lineage is not None and moved(self.lineage)

    def check(self, prefix: str, lineage: str) -> None:
        """Raise LineageMismatch unless it is of this lineage, or of none."""
        if self.lineage is not None:
            check_lineage(self.lineage.encode(), Keys(prefix, self.shard), lineage)


class Shards:
    """The shards of one prefix, and what becomes of a whole one; any call that raises Unavailable may be repeated."""

    def __init__(self, connection: Connection, settings: RedisSettings) -> None:
        self._connection = connection
        self._shards = [Keys(settings.prefix, shard) for shard in range(settings.shards)]

    def conditions(self) -> list[Condition]:
        """Look at each one."""
        return [self._condition(keys) for keys in self._shards]

    def empty(self, shard: int, lineage: str) -> bool:
        """Delete all that a shard of this lineage has, at once: workers wait until it is restored."""
        keys = self._shards[shard]
        return bool(self._connection.run("emptying a shard", "empty", keys.all(), [lineage]))

    def retire(self, lineage: str, mark: str, *, drop: bool) -> bool:
        """Mark all shards as moved elsewhere, and with `drop` delete the rest of them; False: some are not ours."""
        ours = True
        for keys in self._shards:
            arguments = (lineage, mark, int(drop))
            ours &= bool(self._connection.run("retiring a shard", "retire", keys.all(), arguments))
            reach("reshard.after-retire")
        return ours

    def _condition(self, keys: Keys) -> Condition:
        names = (keys.counts, keys.cursors, keys.changed, keys.publishing, keys.publishing_cursors)
        answer: list[Any] = self._connection.run("looking at a shard", "inspect", names, ())
        fields, snapshot = mapping(answer[0]), mapping(answer[3])
        users, changed, publishing = answer[1], answer[2], answer[4]
        lineage = fields.get(LINEAGE.encode())
        damage = ""
        cursors: Offsets = {}
        if lineage is not None:
            damage = damage_of(fields, users, changed) or damage_of_snapshot(snapshot, publishing)
            try:
                cursors = offsets(fields)
            except Refused:
                damage = "a cursor is no offset"
        return Condition(
            keys.shard, None if lineage is None else str(lineage, "utf-8", "replace"), users, cursors, damage
        )


def damage_of(fields: Mapping[bytes, bytes], users: int, changed: int) -> str:
    """Compare what there is with what is recorded beside the cursors."""
    for name, found in ((USERS, users), (CHANGED, changed)):
        recorded = fields.get(name.encode())
        if recorded != b"%d" % found:
            wanted = "nobody knows how many" if recorded is None else str(recorded, "utf-8", "replace")
            return f"it has {found} of {wanted} {'users' if name == USERS else 'changed users'}"
    return ""


def damage_of_snapshot(fields: Mapping[bytes, bytes], users: int) -> str:
    """The same for a snapshot on its way to Kafka, if there is one."""
    if not fields and not users:
        return ""
    recorded = fields.get(CHANGED.encode())
    if ID.encode() in fields and recorded == b"%d" % users:
        return ""
    return f"its snapshot has {users} users, not as many as were frozen"
