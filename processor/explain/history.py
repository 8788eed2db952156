"""A user's logins held against the positions of their shard; pure."""

from collections import Counter
from collections.abc import Mapping
from heapq import heappush, heappushpop
from typing import Literal

from msgspec import Struct

Offsets = Mapping[int, int]
Agreement = Literal["agrees", "differs", "unknown"]


class Positions(Struct, frozen=True):
    """Where the user's shard stood when it was asked, and up to where the log is read. Offsets are the next ones."""

    checkpoint: Offsets  # of the published count
    cursors: Offsets  # of the count in Redis
    committed: Offsets  # what is processed
    origins: Mapping[int, int | None]  # where counting began; None: nobody wrote it down
    log: Mapping[int, tuple[int, int]]
    forgotten: Offsets = {}  # from where on logins count again; empty: the user was not forgotten

    def start(self, partition: int) -> int:
        """The first record that is in the log and may count."""
        low, origin = self.log[partition][0], self.origins.get(partition)
        return low if origin is None else max(low, origin)

    @property
    def deleted(self) -> dict[int, int]:
        """The partitions whose log begins after counting did, and where it begins now."""
        return {p: low for p, (low, _) in self.log.items() if low > self._began(p)}

    def _began(self, partition: int) -> int:
        low = self.log[partition][0]
        if partition not in self.origins:
            return low  # nothing of it was ever processed
        origin = self.origins[partition]
        return 0 if origin is None else origin


class Found(Struct, frozen=True, order=True):
    """One login of the user; ordered by when it came."""

    received: int  # ms, the record's time stamp
    partition: int
    offset: int
    timestamp: int  # ms, the login's own
    device_id: str | None
    processed: bool
    counted: bool
    published: bool
    forgotten: bool = False  # it is from before the user was forgotten, and counts nowhere


class Letter(Struct, frozen=True, order=True):
    """A record under the user's key that is no login: a dead letter."""

    received: int
    partition: int
    offset: int
    reason: str
    message: str


class History:
    """All logins of one user in the log; keeps the newest `limit` of them, and of the dead letters, and counts all."""

    def __init__(self, positions: Positions, limit: int) -> None:
        self.totals: Counter[str] = Counter()  # logins, processed, counted, published, forgotten; letters
        self._positions = positions
        self._limit = limit
        self._logins: list[Found] = []
        self._letters: list[Letter] = []

    def login(self, partition: int, offset: int, received: int, timestamp: int, device_id: str | None) -> None:
        """Take one."""
        at = self._positions
        places = (at.committed, at.cursors, at.checkpoint)
        processed, counted, published = (offset < place.get(partition, 0) for place in places)
        forgotten = offset < at.forgotten.get(partition, 0)
        counted, published = counted and not forgotten, published and not forgotten
        self.totals.update(logins=1, processed=processed, counted=counted, published=published, forgotten=forgotten)
        found = Found(received, partition, offset, timestamp, device_id, processed, counted, published, forgotten)
        _keep(self._logins, found, self._limit)

    def letter(self, letter: Letter) -> None:
        """Take a record that is none."""
        self.totals["letters"] += 1
        _keep(self._letters, letter, self._limit)

    @property
    def forgotten(self) -> bool:
        """Whether the user was forgotten once."""
        return bool(self._positions.forgotten)

    @property
    def logins(self) -> list[Found]:
        """The newest ones, the newest last."""
        return sorted(self._logins)

    @property
    def letters(self) -> list[Letter]:
        """The newest ones, the newest last."""
        return sorted(self._letters)

    def agreement(self, said: int | str, place: Literal["counted", "published"]) -> Agreement:
        """Hold a count against the log; where that was cut, only a count that is too low is known to be wrong."""
        if isinstance(said, str) or said < self.totals[place]:
            return "differs"
        if said == self.totals[place]:
            return "agrees"
        return "unknown" if self._positions.deleted else "differs"


def may_concern(user: bytes, key: bytes | None, value: bytes | None) -> bool:
    r"""Whether a record can be a login of this user, or has their key, without decoding it; it may be too generous.

    A user id stands in the value as it is, an integer in its one form, unless it is written with escapes (\u0061).
    """
    return key == user or (value is not None and (user in value or b"\\" in value))


def _keep(kept: list[Found] | list[Letter], one: Found | Letter, limit: int) -> None:
    if len(kept) < limit:
        heappush(kept, one)  # type: ignore[misc]  # each list is of one kind
    elif kept:
        heappushpop(kept, one)  # type: ignore[misc]
