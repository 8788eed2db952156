"""Users who were forgotten, as user-aggregations tells of them: which of their logins count."""

from collections.abc import Iterable, Sequence

from processor.audit.tally import Column
from processor.logins.batch import Record
from processor.logins.forgotten import Forget, forget_in, marker_of


class Forgotten:
    """The last forget of each user. While there is none it costs nothing; else a hash of each user."""

    def __init__(self) -> None:
        self._forgets: dict[bytes, Forget] = {}
        self._of: dict[str, Forget | None] = {}

    def take(self, record: Record) -> None:
        """Take a record that is a marker; a later one of the same user stands for the earlier. Raises ValueError."""
        key, forget = record.key() or b"", forget_in(record)
        if forget is None:
            self._forgets.pop(key, None)
        else:
            self._forgets[key] = forget
        self._of = {}

    def of(self, user: str) -> Forget | None:
        """A user's; None where they were never forgotten."""
        if not self._forgets:
            return None
        if user not in self._of:
            self._of[user] = self._forgets.get(marker_of(user))
        return self._of[user]

    def counting(self, partition: int, column: Column) -> Column:
        """The logins that count."""
        offsets, users = column
        least = {user: forget.cursors.get(partition, 0) for user in set(users) if (forget := self.of(user))}
        if not least:
            return column
        kept = [(offset, user) for offset, user in zip(offsets, users, strict=True) if offset >= least.get(user, 0)]
        return [offset for offset, _ in kept], [user for _, user in kept]

    def since(self, number: int, users: Iterable[str]) -> list[str]:
        """Those of these users who were forgotten after the forget of this number."""
        if not self._forgets:
            return []
        return [user for user in users if (forget := self.of(user)) and forget.number > number]


def left_out(counts: Sequence[dict[str, int]], forgets: Sequence[int], forgotten: Forgotten) -> None:
    """Take out of a baseline's counts, a dict a shard, who was forgotten after it; `forgets` is empty for none."""
    for shard, users in enumerate(counts):
        for user in forgotten.since(forgets[shard] if forgets else 0, users):
            del users[user]
