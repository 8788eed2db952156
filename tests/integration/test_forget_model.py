"""Forgetting in whatever order things happen: the real scripts, publishing and restore, and a Kafka in memory.

Invariants 2 and 3 of DESIGN.md are held after each thing that happens, where of a forgotten user those logins count
that lie at or after the cursors of the forget; and what is planted below must be found.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from processor import publishing as flushing
from processor import restore as restoring
from processor.audit.forgotten import Forgotten
from processor.counts import connection, snapshot
from processor.counts.asking import Asking
from processor.counts.store import Applied, Move
from processor.errors import Fenced, NotReady, Refused, Unavailable
from processor.kafka.offsets import Checkpoint, checkpoint_in
from processor.logins.count import shard_of, tally
from processor.logins.forgotten import Forget, is_marker, marker_of
from processor.logins.snapshots import Fate
from processor.publishing import Publishing
from processor.restore import Restore
from processor.settings import Settings
from tests.counting import LINEAGE, Place, place_in
from tests.stack import RedisServer
from tests.twins.record import MemoryRecord

PARTITIONS = 2
SHARDS = 2
USERS = [f"user-{n}" for n in range(4)]
PLANS, BUDGET, STEPS = 150, 400, 40
POINTS = [
    *["before-take", "after-take", "during-walk", "before-commit", "in-commit", "after-commit", "after-drop"],
    *["after-thaw", "after-drop"],
]


class Crash(BaseException):
    """The flusher dies here."""


class Broken(AssertionError):  # noqa: N818 - a finding
    """An invariant does not hold."""


class Kafka:
    """user-aggregations and its checkpoint; a transaction is there as a whole or not at all."""

    def __init__(self) -> None:
        self.records: list[MemoryRecord] = []
        self.committed = Checkpoint([{} for _ in range(SHARDS)]).offsets()
        self.epoch = 0

    def checkpoint(self) -> Checkpoint:
        return checkpoint_in(Settings(), self.committed) if self.committed else Checkpoint([{} for _ in range(SHARDS)])


class Publisher:
    """One term's producer."""

    sound = True

    def __init__(self, world: "World") -> None:
        self._kafka, self._world = world.kafka, world
        self._kafka.epoch += 1
        self._epoch = self._kafka.epoch
        self._sent: list[MemoryRecord] = []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._sent = []
        yield

    def send(self, users: Sequence[tuple[str, int]]) -> None:
        self._sent += [MemoryRecord((0, 0), user.encode(), b"%d" % logins) for user, logins in users]

    def forget(self, user: str, forget: Forget) -> None:
        self._sent += [MemoryRecord((0, 0), key, None, forget.headers()) for key in keys_of(user)]

    def commit(self, checkpoint: Checkpoint) -> None:
        if self._epoch != self._kafka.epoch:
            raise Fenced("another one leads")
        self._world.reached("flusher.in-commit")
        self._kafka.records += self._sent
        self._kafka.committed = checkpoint.offsets()


def keys_of(user: str) -> tuple[bytes, bytes]:
    return user.encode(), marker_of(user)


class World:
    """Everything, under the hand of a plan."""

    def __init__(self, place: Place) -> None:
        self.place, self.kafka = place, Kafka()
        self.log: list[list[str]] = [[] for _ in range(PARTITIONS)]
        self.settings = replace(Settings(), redis=place.settings)
        self.asking = Asking(place.connection, place.settings, LINEAGE)
        self.asked: dict[str, int] = {}  # who surely is asked for -> how often they were forgotten before
        self.asks: Counter[str] = Counter()
        self._highest: list[dict[int, int]] = [{} for _ in range(SHARDS)]
        self._armed = ""
        self._saved: dict[bytes, bytes] = {}
        self._leader = self._old = self._lead()

    # What happens.

    def logins(self, partition: int, *users: str) -> None:
        self.log[partition] += users

    def count(self, shard: int, *ahead: int) -> None:
        store = self.place.store()
        with suppress(NotReady):
            cursors = store.cursors()[shard]
            ends = [min(cursors.get(p, 0) + ahead[p], len(self.log[p])) for p in range(PARTITIONS)]
            users = [user for p, end in enumerate(ends) for user in self.log[p][cursors.get(p, 0) : end]]
            moves = [Move(p, cursors.get(p), end) for p, end in enumerate(ends)]
            assert isinstance(store.apply(shard, moves, tally(users, SHARDS)[shard]), Applied)

    def ask(self, user: str) -> None:
        with suppress(NotReady):
            self.asking.ask(user)
            self.asks[user] += 1
            self.asked[user] = self.forgets(user)

    def flush(self, shard: int, crash_at: str = "") -> None:
        self._armed = f"flusher.{crash_at}"
        try:
            try:
                self._leader.flush(shard)
            except NotReady:
                self.restore()
        except (Crash, Unavailable, Fenced):
            self._leader = self._lead()
        self._armed = ""

    def restore(self) -> None:
        loading = self.place.loading()
        restore = Restore(self.settings, None, loading, lambda: None)  # type: ignore[arg-type]  # nobody asks for it
        lost = [s.shard for s in self.place.reading().shard_states() if s.lineage is None]
        restore.run(self._leader.checkpoint, self._leader.recommit)
        self._lost(lost)

    def takeover(self) -> None:
        """Another one leads; the one before stalls."""
        self._old, self._leader = self._leader, self._lead()

    def wakes(self, shard: int) -> None:
        """Who stalled goes on, with the checkpoint of then."""
        with suppress(Fenced, NotReady, Unavailable):
            self._old.flush(shard)

    def save(self) -> None:
        self._saved = self.place.everything()

    def back(self) -> None:
        self.place.go_back(self._saved)
        self._lost(range(SHARDS))

    def empty(self) -> None:
        self.place.empty()
        self._lost(range(SHARDS))

    def _lost(self, shards: Sequence[int]) -> None:
        """What was asked for may be lost: nobody relies on it."""
        self.asked = {user: n for user, n in self.asked.items() if shard_of(user, SHARDS) not in shards}

    def _lead(self) -> Publishing:
        publisher: Any = Publisher(self)
        return Publishing(self.place.snapshots(), publisher, self.kafka.checkpoint(), lambda: None)

    def reached(self, point: str) -> None:
        if point == self._armed:
            raise Crash

    # What must hold.

    def forgets(self, user: str) -> int:
        """How often a user was forgotten."""
        return len(
            {dict(r.headers() or ())["forgotten.number"] for r in self.kafka.records if r.key() == marker_of(user)}
        )

    def check(self) -> None:
        forgotten, checkpoint = Forgotten(), self.kafka.checkpoint()
        for record in self.kafka.records:
            if is_marker(record.key()):
                forgotten.take(record)
        published = self._published()
        for shard, reached in enumerate(checkpoint.shards):
            if any(reached.get(p, -1) < at for p, at in self._highest[shard].items()):
                raise Broken(f"the checkpoint went back from {self._highest[shard]} to {reached}")
            self._highest[shard] = reached
            found = {user: n for user, n in published.items() if shard_of(user, SHARDS) == shard}
            wanted = self._counting(forgotten, shard, reached)
            if found != wanted:
                raise Broken(f"published {found}, not {wanted}")
        for state in self.place.reading().shard_states():
            fields = self.place.raw.hgetall(self.place.keys[state.shard].cursors)
            if state.lineage and int(fields.get(b"forgets", 0)) == checkpoint.forgotten(state.shard):
                wanted = self._counting(forgotten, state.shard, state.cursors)
                if self.place.counts(state.shard) != wanted:
                    raise Broken(f"counted {self.place.counts(state.shard)}, not {wanted}")
        for user, asks in self.asks.items():
            if self.forgets(user) > asks:
                raise Broken(f"{user} was forgotten more often than asked for")

    def _published(self) -> dict[str, int]:
        latest: dict[str, int] = {}
        for record in self.kafka.records:
            user, value = str(record.key() or b"", "utf-8"), record.value()
            if value is None:
                latest.pop(user, None)
            elif int(value) < latest.get(user, 0):
                raise Broken(f"{user} went down to {value!r}")
            else:
                latest[user] = int(value)
        return latest

    def _counting(self, forgotten: Forgotten, shard: int, ends: dict[int, int]) -> Counter[str]:
        columns = [(range(ends.get(p, 0)), self.log[p][: ends.get(p, 0)]) for p in range(PARTITIONS)]
        users = [user for p, column in enumerate(columns) for user in forgotten.counting(p, column)[1]]
        return tally(users, SHARDS)[shard]

    def come_to_rest(self) -> None:
        self._leader = self._lead()
        for _ in range(3):
            for shard in range(SHARDS):
                self.flush(shard)
                self.count(shard, *[1000] * PARTITIONS)
                self.flush(shard)
                self.check()
        ends = {p: len(logins) for p, logins in enumerate(self.log)}
        if self.kafka.checkpoint().shards != [ends] * SHARDS:
            raise Broken(f"stands still at {self.kafka.checkpoint()}, not {ends}")
        for shard in range(SHARDS):
            seen = self.place.raw.hget(self.place.keys[shard].cursors, "forgets")
            if int(seen or 0) != self.kafka.checkpoint().forgotten(shard):
                raise Broken("Redis and Kafka do not know of the same forgets")
        for user, before in self.asked.items():
            if self.forgets(user) == before:
                raise Broken(f"{user} was never forgotten")


def at_random(seed: int) -> Iterator[tuple[Any, ...]]:
    chance = Random(seed)
    weights = {
        "logins": 8,
        "count": 8,
        "ask": 5,
        "flush": 10,
        "takeover": 1,
        "wakes": 1,
        "save": 2,
        "back": 1,
        "empty": 0.5,
    }
    for what in chance.choices(list(weights), list(weights.values()), k=STEPS):
        shard = chance.randrange(SHARDS)
        match what:
            case "logins":
                yield what, chance.randrange(PARTITIONS), *chance.choices(USERS, k=chance.randrange(1, 4))
            case "count":
                yield what, shard, *[chance.randrange(4) for _ in range(PARTITIONS)]
            case "ask":
                yield what, chance.choice(USERS)
            case "flush":
                yield what, shard, chance.choice(["", "", *POINTS])
            case "wakes":
                yield what, shard
            case _:
                yield (what,)


# Who stalled before the checkpoint moved on wakes up on a Redis that has gone back, and forgets there.
STALLED: list[tuple[Any, ...]] = [
    *[("logins", 0, *USERS), ("count", 0, 4, 0), ("count", 1, 4, 0), ("flush", 0), ("flush", 1), ("save",)],
    *[("logins", 1, *USERS), ("count", 0, 0, 4), ("count", 1, 0, 4), ("takeover",), ("flush", 0), ("flush", 1)],
    *[("back",), *[("ask", user) for user in USERS], ("wakes", 0), ("wakes", 1), ("flush", 0), ("flush", 1)],
]


def plan(seed: int) -> Iterable[tuple[Any, ...]]:
    return at_random(seed) if seed else STALLED


@pytest.fixture
def place(redis_server: RedisServer) -> Iterator[Place]:
    yield from place_in(redis_server, shards=SHARDS)


def play(place: Place, patch: pytest.MonkeyPatch, plan: Iterable[tuple[Any, ...]]) -> None:
    place.empty()
    numbers = iter(range(1, 1_000_000))
    patch.setattr(snapshot, "time", lambda: next(numbers))
    world = World(place)
    patch.setattr(flushing, "reach", world.reached)
    patch.setattr(restoring, "published", lambda *_: iter([_backup(world.kafka)]))
    world.restore()
    for what, *arguments in plan:
        getattr(world, what)(*arguments)
        world.check()
    world.come_to_rest()


def _backup(kafka: Kafka) -> list[tuple[str, int]]:
    return [(str(r.key() or b"", "utf-8"), int(r.value() or 0)) for r in kafka.records if not is_marker(r.key())]


def test_who_is_forgotten_is_forgotten_once_whatever_happens(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(PLANS):
        try:
            play(place, monkeypatch, plan(seed))
        except BaseException as problem:
            problem.add_note(f"seed {seed}")
            raise


# What is planted: a place in a script, or in the Python around it.

Plant = Callable[[pytest.MonkeyPatch], None]


def script(name: str, before: str, after: str) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        source = connection._source

        def changed(asked: str) -> str:
            text = source(asked)
            assert asked != name or before in text
            return text.replace(before, after) if asked == name else text

        patch.setattr(connection, "_source", changed)

    return plant


def both(*plants: Plant) -> Plant:
    return lambda patch: [plant(patch) for plant in plants] and None


def attribute(owner: Any, name: str, made: Callable[[Any], Any]) -> Plant:
    return lambda patch: patch.setattr(owner, name, made(getattr(owner, name)))


def _without_cursors(_right: Any) -> Any:
    return lambda self: [(name, b"{}" if "cursors" in name else value) for name, value in _right(self)]


PLANTED: dict[str, Plant] = {
    "leaves the user's count in the snapshot": script("take", "redis.call('HSET', KEYS[4], unpack(taken))", ""),
    "leaves the user in counts": script("take", "redis.call('HDEL', KEYS[1], unpack(forgotten))", ""),
    "freezes the user's count": script("take", "'-' .. (logins or '0')", "logins or '1'"),
    "forgets before a snapshot that is there": script(
        "take",
        "local publishing = redis.call",
        "if redis.call('HLEN', KEYS[7]) > 0 then redis.call('HDEL', KEYS[1], unpack(redis.call('HKEYS', KEYS[7])))\n"
        "redis.call('HSET', KEYS[2], 'users', redis.call('HLEN', KEYS[1])) end\nlocal publishing = redis.call",
    ),
    "forgets in a Redis that went back": script("take", "if #behind > 0 then", "if #behind > 99 then"),
    "keeps the request": script("take", "  redis.call('UNLINK', KEYS[7])\n", ""),
    "does not number its forgets": script("take", "if last < published or", "if false and"),
    "keeps a request from before a restore": both(
        script("take", "KEYS[6], KEYS[7])\n  return", "KEYS[6])\n  return"),
        script("finish", "KEYS[5], KEYS[7])", "KEYS[5])"),
    ),
    "forgets no number with a restore": script("finish", "if ARGV[5] ~= '0'", "if false"),
    "takes any later forget for the checkpoint's": script("take", "tonumber(before or 0) < published", "false"),
    "a tombstone without cursors": attribute(Forget, "headers", _without_cursors),
    "no tombstone of the user's own": attribute(
        Publisher, "forget", lambda right: lambda self, user, forget: _only_marker(self, right, user, forget)
    ),
    "no second tombstone": attribute(
        Publisher, "forget", lambda right: lambda self, user, forget: _only_own(self, right, user, forget)
    ),
    "drops a snapshot that only forgets": attribute(
        snapshot, "fate", lambda right: lambda cursors, checkpoint, _forgets: right(cursors, checkpoint)
    ),
    "publishes a snapshot that only forgets from behind": attribute(
        snapshot,
        "fate",
        lambda right: (
            lambda cursors, checkpoint, forgets: Fate.PUBLISH if forgets else right(cursors, checkpoint, forgets)
        ),
    ),
    "commits no number": attribute(
        Publishing, "_with", lambda right: lambda self, taken: Checkpoint(right(self, taken).shards)
    ),
    "restores tombstones as nothing": lambda patch: patch.setattr(
        "tests.integration.test_forget_model._backup",
        lambda kafka: [(str(r.key(), "utf-8"), int(r.value())) for r in kafka.records if r.value() is not None],
    ),
}


def _only_marker(publisher: Publisher, right: Any, user: str, forget: Forget) -> None:
    right(publisher, user, forget)
    del publisher._sent[-2]


def _only_own(publisher: Publisher, right: Any, user: str, forget: Forget) -> None:
    right(publisher, user, forget)
    del publisher._sent[-1]


@pytest.mark.parametrize("planted", PLANTED)
def test_the_model_finds_a_flusher_that(planted: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED[planted](monkeypatch)
    place.connection._scripts.clear()

    def found(seed: int) -> bool:
        try:
            play(place, monkeypatch, plan(seed))
        except (Broken, Refused):
            return True
        return False

    assert any(map(found, range(BUDGET)))
