"""Holds the counts in Redis against the log while both move on.

Redis answers looks: a chunk of users with the cursors of the same instant. The log is read up to the last cursors of a
round of looks, and then each look is compared with the counts moved to exactly its cursors. Cursors never go back; if
they do, Redis went back, and the audit begins again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from processor.audit.findings import Difference, Findings
from processor.audit.live import Live
from processor.audit.publications import BEING_FORGOTTEN, Publication
from processor.audit.standing import CHUNK, Look, Standing
from processor.audit.tally import by_shard
from processor.patience import Moved, persist

_ROUND = 200  # looks between two readings of the log

Chunk = tuple[int, Sequence[str]]  # a shard and some of its users


class Looks:
    """Compares all users of all shards; `standings` begin at or before the cursors."""

    def __init__(
        self,
        live: Live,
        standings: Sequence[Standing],
        publication: Publication,
        findings: Findings,
        advance: Callable[[int], None],
    ) -> None:
        self._live = live
        self._standings = standings
        self._publication = publication
        self._findings = findings
        self._advance = advance
        self._last: dict[int, Mapping[int, int]] = {}

    def run(self) -> None:
        """1. All users that the log knows. 2. Those who came meanwhile. 3. Where the number differs, strangers."""
        known = [len(standing.counts) for standing in self._standings]
        chunks = (chunk for shard in range(len(known)) for chunk in self._chunks(shard, self._users(shard)))
        while batch := list(islice(chunks, _ROUND)):
            self._round(batch)
        newcomers = [(shard, self._users(shard)[number : number + CHUNK]) for shard, number in enumerate(known)]
        for look in self._round(newcomers):
            wanted = len(self._standings[look.shard].counts)
            if look.total != wanted:
                self._find_strangers(look.shard, look.total, wanted)

    def _users(self, shard: int) -> list[str]:
        return list(self._standings[shard].counts)

    def _chunks(self, shard: int, users: Sequence[str]) -> Iterator[Chunk]:
        return ((shard, users[at : at + CHUNK]) for at in range(0, len(users), CHUNK))

    def _round(self, chunks: Sequence[Chunk]) -> list[Look]:
        looks = [self._look(*chunk) for chunk in chunks]
        self._load({look.shard: look.cursors for look in looks})
        for look in looks:
            standing = self._standings[look.shard]
            standing.advance(look.cursors)
            standing.compare(look, self._findings)
            self._advance(len(look.users))
        for look in looks:
            self._standings[look.shard].unload()
        return looks

    def _look(self, shard: int, users: Sequence[str]) -> Look:
        seen = persist(lambda: self._live.looking.look(shard, users))
        before = self._last.get(shard, {})
        back = any(seen.cursors.get(p, -1) < at for p, at in before.items())
        if back or self._standings[shard].passed(seen.cursors):
            raise Moved(f"Redis: shard {shard} went back during the audit: it is being restored or counts again")
        if seen.forgets != self._publication.forgets[shard]:
            raise Moved(BEING_FORGOTTEN)
        self._last[shard] = seen.cursors
        return Look(shard, users, seen.counts, seen.cursors, seen.users)

    def _load(self, cursors: Mapping[int, Mapping[int, int]]) -> None:
        """Read the log from where these shards stand up to these cursors."""
        starts: dict[int, int] = {}
        ends: dict[int, int] = {}
        for shard, each in cursors.items():
            for partition, cursor in each.items():
                position = self._standings[shard].position.get(partition, 0)
                if position < cursor:
                    starts[partition] = min(position, starts.get(partition, position))
                    ends[partition] = max(cursor, ends.get(partition, cursor))
        if not ends:
            return
        for partition, found in self._live.columns(starts, ends):
            column = self._publication.published.forgotten.counting(partition, found)
            for shard, part in enumerate(by_shard(column, len(self._standings))):
                if shard in cursors:
                    self._standings[shard].load(partition, part)

    def _find_strangers(self, shard: int, total: int, wanted: int) -> None:
        """Look at everyone in Redis whom the log does not know."""
        before = self._findings.totals["count-wrong"]
        counts = self._standings[shard].counts
        strangers = [user for batch in self._live.reading.counts(shard) for user, _ in batch if user not in counts]
        chunks = self._chunks(shard, strangers)
        while batch := list(islice(chunks, _ROUND)):
            self._round(batch)
        if self._findings.totals["count-wrong"] == before == 0:
            said = f"shard {shard} has {total} users in Redis, the input says {wanted}"
            self._findings.add(Difference("count-wrong", said))
