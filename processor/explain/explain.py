"""Explains a user's count on a system that goes on working."""

from collections.abc import Callable, Iterable
from contextlib import suppress

from msgspec import DecodeError, Struct, json

from processor.audit.forgotten import Forgotten
from processor.audit.live import Live
from processor.audit.publications import BEING_FORGOTTEN, await_forgotten, follow
from processor.errors import ConfigurationError
from processor.explain.history import Agreement, Found, History, Letter, Positions, may_concern
from processor.kafka.offsets import bounds, committed
from processor.logins.batch import Batch, Record
from processor.logins.count import shard_of
from processor.logins.forgotten import marker_of
from processor.logins.records import Aggregation
from processor.patience import Moved, persist
from processor.settings import Settings

_decode = json.Decoder(Aggregation).decode


class _Shown(Struct):
    timestamp: int
    device_id: str | None


_show = json.Decoder(_Shown).decode  # of a processed record's value

Begin = Callable[[str, int | None], Callable[[int], None]]


class Explanation(Struct, frozen=True):
    """All that is known of one user's count."""

    user: str
    shard: int
    count: int | str  # in Redis; text is no number
    counted: int  # logins of the log below the shard's cursors
    count_agrees: Agreement
    published_count: int  # in user-aggregations
    published: int  # logins of the log below the shard's checkpoint
    published_agrees: Agreement
    logins: int  # in the log
    processed: int  # of these, below the group's committed offsets
    forgotten: bool  # whether the user was forgotten, as far as anybody knows
    not_counted: int  # logins of the log from before that
    shown: list[Found]  # the newest of them
    letters: int  # records under the user's key that are dead letters
    letters_shown: list[Letter]
    deleted: dict[int, int]  # partitions whose log begins after counting did, and where

    @property
    def known(self) -> bool:
        """Whether anybody knows this user."""
        return bool(self.count or self.published_count or self.logins or self.forgotten)

    @property
    def differs(self) -> bool:
        """Whether something is not as the log says."""
        return "differs" in {self.count_agrees, self.published_agrees}


def explain(settings: Settings, user: str, limit: int, begin: Begin) -> Explanation:
    """Read everything about one user; raises Unavailable, NotReady and LineageMismatch when it can't be known now.

    The order makes it exact: what is published is read to a checkpoint that stood still; Redis answers count and
    cursors of one instant; both lie below the log's end that is noted after them, up to which the log is read. The log
    does not change, so each number is held against the positions that belong to it, however far the pool is by then.
    """
    try:
        name = user.encode()
    except UnicodeEncodeError as problem:
        raise ConfigurationError(f"the user id is not UTF-8: {problem}") from problem
    live = Live(settings)
    shard = shard_of(user, settings.redis.shards)
    reader = _Latest(name, marker_of(user))
    await_forgotten(live)
    settled, _, _ = follow(live, [shard], reader, begin("published counts", None))
    seen = persist(lambda: live.looking.look(shard, [user]))
    if seen.forgets != settled[shard].forgets:
        raise Moved(BEING_FORGOTTEN)
    forgotten = reader.forgotten.of(user)
    positions = _positions(live, settled[shard].cursors, seen.cursors, forgotten.cursors if forgotten else {})
    history = History(positions, limit)
    _read(live, user, name, history, positions, begin)
    count = seen.counts[0] or 0
    return _explanation(user, shard, count, reader.logins, history, positions)


def _positions(live: Live, checkpoint: dict[int, int], cursors: dict[int, int], forgotten: dict[int, int]) -> Positions:
    topic = live.topics.input
    found = persist(lambda: committed(live.cluster, live.settings.group, topic))
    return Positions(
        checkpoint=checkpoint,
        cursors=cursors,
        committed={p: at.offset for p, at in found.items()},
        origins={p: int(at.metadata) if at.metadata.isdecimal() else None for p, at in found.items()},
        log=persist(lambda: bounds(live.cluster, topic)),
        forgotten=forgotten,
    )


def _read(live: Live, user: str, name: bytes, history: History, positions: Positions, begin: Begin) -> None:
    starts = {p: positions.start(p) for p in positions.log}
    ends = {p: high for p, (_, high) in positions.log.items()}
    at = dict(starts)
    advance = begin("input", sum(max(0, ends[p] - starts[p]) for p in ends))
    for batch in live.judged(starts, ends, lambda record: may_concern(name, record.key(), record.value())):
        _take(history, batch, user, name)
        partition, end = batch.part.partition, batch.part.end
        advance(end - at[partition])
        at[partition] = end


def _take(history: History, batch: Batch, user: str, name: bytes) -> None:
    partition = batch.part.partition
    for record, found, value in zip(batch.part.records, batch.users, batch.values, strict=True):
        offset, received = record.offset() or 0, record.timestamp()[1]
        if isinstance(found, str):
            if found == user:
                login = _show(value or b"")
                history.login(partition, offset, received, login.timestamp, login.device_id)
        elif record.key() == name:
            history.letter(Letter(received, partition, offset, found.reason, found.message))


def _explanation(
    user: str, shard: int, count: int | str, published: int, history: History, positions: Positions
) -> Explanation:
    totals = history.totals
    return Explanation(
        user=user,
        shard=shard,
        count=count,
        counted=totals["counted"],
        count_agrees=history.agreement(count, "counted"),
        published_count=published,
        published=totals["published"],
        published_agrees=history.agreement(published, "published"),
        logins=totals["logins"],
        processed=totals["processed"],
        forgotten=history.forgotten,
        not_counted=totals["forgotten"],
        shown=history.logins,
        letters=totals["letters"],
        letters_shown=history.letters,
        deleted=positions.deleted,
    )


class _Latest:
    """The latest published count of one user; of one found in two partitions the larger, as restore takes it."""

    def __init__(self, user: bytes, marker: bytes) -> None:
        self.settled: set[int] = set()
        self.forgotten = Forgotten()
        self._user = user
        self._marker = marker
        self._latest: dict[int, int] = {}

    def take(self, records: Iterable[Record]) -> None:
        """Take records, each partition's in their order."""
        for record in records:
            if record.key() == self._user:
                self._latest[record.partition() or 0] = _logins(record.value())
            elif record.key() == self._marker:
                with suppress(ValueError):  # the audit names it
                    self.forgotten.take(record)

    @property
    def logins(self) -> int:
        """The count; 0 for none."""
        return max(self._latest.values(), default=0)


def _logins(value: bytes | None) -> int:
    """A record's count; a tombstone takes it back, and what is no count counts nothing: the audit names it."""
    try:
        return 0 if value is None else _decode(value).login_count
    except DecodeError:
        return 0
