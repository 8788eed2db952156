"""user-aggregations held against the input: each user's latest record is their count at the checkpoint."""

from collections.abc import Iterable, Sequence
from itertools import chain

from msgspec import DecodeError, json

from processor.audit.findings import Difference, Findings, Kind
from processor.audit.forgotten import Forgotten
from processor.audit.tally import Tally
from processor.logins.batch import Record
from processor.logins.count import shard_of
from processor.logins.forgotten import is_marker
from processor.logins.records import Aggregation

_decode = json.Decoder(Aggregation).decode


class Published:
    """The latest count of each user, as the records come.

    A shard that is settled takes no more: what follows was published at a later checkpoint than the one it is held
    against.
    """

    def __init__(self, shards: int, findings: Findings) -> None:
        self.settled: set[int] = set()
        self.records = 0
        self.forgotten = Forgotten()
        self._shards = shards
        self._findings = findings
        self._latest: dict[int, dict[str, int]] = {}  # by the topic's partition

    def take(self, records: Iterable[Record]) -> None:
        """Take records, each partition's in their order."""
        for record in records:
            self.records += 1
            if is_marker(record.key()):
                self._forget(record)
                continue
            user, logins = _read(record)
            if user is None:
                self._add("published-malformed", "is not a user's count", record, None)
            elif not self.settled or shard_of(user, self._shards) not in self.settled:
                self._put(record, user, logins)

    def _forget(self, record: Record) -> None:
        try:
            self.forgotten.take(record)
        except ValueError as problem:
            self._add("published-malformed", f"is not how a user is forgotten: {problem}", record, None)

    def _put(self, record: Record, user: str, logins: int | None) -> None:
        latest = self._latest.setdefault(record.partition() or 0, {})
        if logins is None:
            latest.pop(user, None)
            return
        before = latest.get(user, 0)
        if logins < before:
            self._add("published-lowered", f"lowers the count from {before} to {logins}", record, user)
        latest[user] = logins

    def users(self) -> dict[str, int]:
        """Each user's count; of one found in two partitions the larger, as restore takes it. Keeps nothing."""
        parts = sorted(self._latest.values(), key=len)
        self._latest = {}
        users = parts.pop() if parts else {}
        for part in parts:
            for user, logins in part.items():
                users[user] = max(logins, users.get(user, 0))
        return users

    def compare(self, tallies: Sequence[Tally]) -> None:
        """Name the users whose published count is not that of the checkpoint."""
        published = self.users()
        for tally in tallies:
            for user in chain(tally.base, tally.published_users()):
                self._compare(user, published.pop(user, 0), tally.published(user))
        for user, logins in published.items():
            self._compare(user, logins, 0)

    def _compare(self, user: str, found: int, wanted: int) -> None:
        if found != wanted:
            said = f"has the published count {found}, the input up to the checkpoint says {wanted}"
            self._findings.add(Difference("published-wrong", said, "aggregations", user=user))

    def _add(self, kind: Kind, said: str, record: Record, user: str | None) -> None:
        self._findings.add(Difference(kind, said, "aggregations", record.partition(), record.offset(), user))


def _read(record: Record) -> tuple[str | None, int | None]:
    """A record's user and logins: no user for what is malformed, no logins for a tombstone."""
    key, value = record.key(), record.value()
    try:
        user = str(key or b"", "utf-8") or None
        if value is None:
            return user, None
        read = _decode(value)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    return (user if user == read.user_id and read.login_count > 0 else None), read.login_count
