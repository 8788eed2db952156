"""The audit of counts: what the log says at a checkpoint, at cursors that move, and what is held against it."""

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import json

from processor.audit.checkpoints import check, shards_of
from processor.audit.findings import Findings, Verdict
from processor.audit.published import Published
from processor.audit.standing import Look, Standing
from processor.audit.tally import Tally, by_shard
from processor.kafka.offsets import Checkpoint
from processor.logins.count import shard_of
from tests.twins.record import MemoryRecord

patient = settings(deadline=None)  # a busy machine takes its time

PARTITIONS = range(2)
USERS = [f"user-{n}" for n in range(6)]

Log = dict[int, list[tuple[int, str]]]  # by partition: offset and user of the valid logins


@st.composite
def logs(draw: st.DrawFn) -> Log:
    log: Log = {}
    for partition in PARTITIONS:
        users = draw(st.lists(st.sampled_from(USERS), max_size=12))
        offsets = sorted(draw(st.sets(st.integers(0, 30), min_size=len(users), max_size=len(users))))
        log[partition] = list(zip(offsets, users, strict=True))
    return log


def positions(least: dict[int, int] | None = None) -> st.SearchStrategy[dict[int, int]]:
    return st.fixed_dictionaries({p: st.integers((least or {}).get(p, 0), 32) for p in PARTITIONS})


def valid(log: Log, ends: dict[int, int], begins: dict[int, int] | None = None) -> Counter[str]:
    """What DESIGN calls valid logins, counted: the slow reference."""
    starts = begins or {}
    return Counter(user for p, rows in log.items() for o, user in rows if starts.get(p, 0) <= o < ends.get(p, 0))


def feed(tally: Tally, log: Log, cuts: list[int]) -> None:
    for partition, rows in log.items():
        edges = [0, *sorted(cut for cut in cuts if cut < len(rows)), len(rows)]
        for begin, end in pairwise(edges):
            tally.add(partition, ([o for o, _ in rows[begin:end]], [u for _, u in rows[begin:end]]))


@patient
@given(logs(), st.data(), st.lists(st.integers(0, 12), max_size=3))
def test_one_reading_gives_the_counts_at_the_checkpoint_and_at_the_cursors(
    log: Log, data: st.DataObject, cuts: list[int]
) -> None:
    floor = data.draw(positions())
    checkpoint, cursors = data.draw(positions(floor)), data.draw(positions(floor))
    tally = Tally(floor, checkpoint, cursors, valid(log, floor))
    feed(tally, log, cuts)
    assert {user: tally.published(user) for user in USERS if tally.published(user)} == valid(log, checkpoint)
    assert tally.base == valid(log, {p: min(checkpoint[p], cursors[p]) for p in PARTITIONS})
    assert tally.lower == {p: min(checkpoint[p], cursors[p]) for p in PARTITIONS}
    assert tally.counted() == valid(log, cursors)


@patient
@given(logs(), st.integers(1, 3))
def test_each_login_belongs_to_one_shard(log: Log, shards: int) -> None:
    columns = by_shard(([o for o, _ in log[0]], [u for _, u in log[0]]), shards)
    rows = [(o, u, shard) for shard, column in enumerate(columns) for o, u in zip(*column, strict=True)]
    assert sorted((o, u) for o, u, _ in rows) == log[0]
    assert all(shard == shard_of(u, shards) for _, u, shard in rows)


@patient
@given(logs(), st.data())
def test_each_look_is_compared_at_exactly_its_own_cursors(log: Log, data: st.DataObject) -> None:
    cursors = data.draw(positions())
    standing = Standing(valid(log, cursors), dict.fromkeys(PARTITIONS, 0), cursors)
    findings = Findings()
    for _ in range(2):
        looks, begin = [], cursors
        for _ in range(data.draw(st.integers(1, 3))):
            cursors = data.draw(positions(cursors))
            counts = valid(log, cursors)
            looks.append(Look(0, USERS, [counts.get(user) for user in USERS], cursors, len(counts)))
        for partition, rows in log.items():
            needed = [(o, u) for o, u in rows if begin[partition] <= o < cursors[partition]]
            standing.load(partition, ([o for o, _ in needed], [u for _, u in needed]))
        for look in looks:
            assert not standing.passed(look.cursors)
            standing.advance(look.cursors)
            standing.compare(look, findings)
            assert len(standing.counts) == look.total
        standing.unload()
    assert findings.verdict is Verdict.CLEAN


@patient
@given(logs(), st.data(), st.sampled_from([-1, 1, None, "x"]))
def test_a_user_who_is_counted_wrong_is_named(log: Log, data: st.DataObject, by: int | str | None) -> None:
    cursors = data.draw(positions())
    right = valid(log, cursors)
    user = data.draw(st.sampled_from(USERS))
    wrong = by if by is None or isinstance(by, str) else right[user] + by
    counts = [wrong if each == user else right.get(each) for each in USERS]
    findings = Findings()
    Standing(right, {}, cursors).compare(Look(0, USERS, counts, cursors, 0), findings)
    assert [one.user for one in findings.shown] == ([] if (wrong or 0) == right[user] else [user])


def test_a_redis_that_went_back_is_noticed_where_a_cursor_is_missing_too() -> None:
    standing = Standing(Counter(), {0: 5, 1: 5}, {0: 9})
    assert not standing.passed({0: 9})
    assert standing.passed({0: 8})
    assert standing.passed({1: 7})
    assert not standing.passed({0: 10, 1: 5})


def published(records: list[MemoryRecord], wanted: Counter[str], settled: set[int] = frozenset()) -> Findings:  # type: ignore[assignment]
    findings = Findings()
    reading = Published(1, findings)
    reading.take(records)
    reading.settled = set(settled)
    floor = {0: 0}
    tally = Tally(floor, {0: 1}, {0: 1}, wanted)
    reading.compare([tally])
    return findings


def count(user: str, logins: int | None, at: int, partition: int = 0) -> MemoryRecord:
    value = None if logins is None else b'{"user_id":"%b","login_count":%d}' % (user.encode(), logins)
    return MemoryRecord((partition, at), user.encode(), value)


@patient
@given(st.dictionaries(st.sampled_from(USERS), st.integers(1, 9)), st.integers(1, 3))
def test_the_latest_record_of_each_user_is_what_counts(wanted: dict[str, int], times: int) -> None:
    steps = [{user: max(1, n - times + t + 1) for user, n in wanted.items()} for t in range(times)]
    steps.append(wanted)
    records = [count(user, n, at) for at, step in enumerate(steps) for user, n in sorted(step.items())]
    rising = all(a.get(u, 0) <= b[u] for a, b in pairwise(steps) for u in b)
    findings = published(records, Counter(wanted))
    assert rising
    assert findings.verdict is Verdict.CLEAN


@patient
@given(st.dictionaries(st.sampled_from(USERS), st.integers(2, 9), min_size=1), st.data())
def test_a_wrong_a_missing_and_a_foreign_published_count_are_named(wanted: dict[str, int], data: st.DataObject) -> None:
    user = data.draw(st.sampled_from(sorted(wanted)))
    found = data.draw(st.sampled_from([None, wanted[user] - 1, wanted[user] + 1]))
    records = [count(u, n, at) for at, (u, n) in enumerate(sorted((wanted | {user: found}).items())) if n is not None]
    (difference,) = published(records, Counter(wanted)).shown
    assert (difference.kind, difference.user) == ("published-wrong", user)

    right = [count(u, n, at) for at, (u, n) in enumerate(sorted(wanted.items()))]
    (stranger,) = published([*right, count("stranger", 1, 50)], Counter(wanted)).shown
    assert (stranger.kind, stranger.user) == ("published-wrong", "stranger")


def test_a_published_count_that_goes_down_is_named_unless_the_user_was_removed_before() -> None:
    lowered = published([count("u", 5, 0), count("u", 3, 1), count("u", 6, 2)], Counter(u=6))
    assert [(one.kind, one.offset) for one in lowered.shown] == [("published-lowered", 1)]
    anew = published([count("u", 5, 0), count("u", None, 1), count("u", 3, 2)], Counter(u=3))
    assert anew.verdict is Verdict.CLEAN
    assert published([count("u", 5, 0), count("u", None, 1)], Counter()).verdict is Verdict.CLEAN


def test_of_a_user_found_in_two_partitions_the_larger_count_is_the_latest() -> None:
    assert published([count("u", 5, 0), count("u", 3, 9, partition=1)], Counter(u=5)).verdict is Verdict.CLEAN
    assert published([count("u", 3, 0), count("u", 5, 9, partition=1)], Counter(u=5)).verdict is Verdict.CLEAN


def test_what_is_no_count_is_named() -> None:
    bad = [b"{}", b"\xff", b'{"user_id":"other","login_count":1}', b'{"user_id":"u","login_count":0}']
    findings = published([MemoryRecord((2, at), b"u", value) for at, value in enumerate(bad)], Counter())
    assert [(one.kind, one.partition, one.offset) for one in findings.shown] == [
        ("published-malformed", 2, at) for at in range(len(bad))
    ]


def test_a_settled_shard_takes_nothing_that_was_published_later() -> None:
    findings = Findings()
    reading = Published(2, findings)
    users = {shard_of(user, 2): user for user in USERS}
    reading.take([count(users[0], 1, 0), count(users[1], 1, 1)])
    reading.settled = {0}
    reading.take([count(users[0], 2, 2), count(users[1], 2, 3)])
    assert reading.users() == {users[0]: 1, users[1]: 2}


@patient
@given(st.lists(positions(), min_size=1, max_size=3))
def test_a_checkpoint_is_read_as_the_flusher_wrote_it(shards: list[dict[int, int]]) -> None:
    committed, findings = Checkpoint(shards).offsets(), Findings()
    check(committed, len(shards), findings)
    assert shards_of(committed, len(shards)) == shards
    assert findings.verdict is Verdict.CLEAN


def test_a_checkpoint_whose_offset_or_metadata_is_not_the_flushers_is_named() -> None:
    right = Checkpoint([{0: 5, 1: 7}, {0: 6, 1: 4}]).offsets()
    broken = {
        0: type(right[0])(9, right[0].metadata),
        1: type(right[1])(right[1].offset, "by hand"),
        2: type(right[1])(3, json.encode([3]).decode()),
    }
    findings = Findings()
    check(broken, 2, findings)
    assert [(one.kind, one.partition) for one in findings.shown] == [("checkpoint-wrong", p) for p in range(3)]
