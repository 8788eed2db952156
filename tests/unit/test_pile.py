"""What waits to be counted: sums equal a reference for any split into batches, any cursors, any repeats."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from processor.logins.batch import Batch, Part
from processor.logins.count import shard_of
from processor.logins.pile import Change, Pile
from processor.logins.records import Rejected
from tests.twins.record import MemoryRecord

BAD = Rejected("json", "no JSON")
Log = list[tuple[int, str | None]]  # offsets, and whose login lies there; None where it was rejected

logs = st.lists(st.tuples(st.integers(1, 3), st.sampled_from([*"abcde", None])), min_size=1, max_size=12).map(
    lambda steps: [(sum(gap for gap, _ in steps[:at]), user) for at, (_, user) in enumerate(steps)]
)


def batch(partition: int, log: Log) -> Batch:
    records = [MemoryRecord((partition, offset)) for offset, _ in log]
    logins = [BAD if user is None else user for _, user in log]
    columns = [None] * len(log)
    return Batch(Part(partition, records, log[-1][0] + 1), logins, columns, columns, None, logins.count(BAD), 0)


@st.composite
def courses(draw: st.DrawFn) -> tuple[list[Log], list[dict[int, int | None]], list[tuple[int, Log]]]:
    """Some partitions' logs, a shard's cursors each, and the batches that a worker makes of them, some again."""
    partitions = draw(st.lists(logs, min_size=1, max_size=3))
    cursor = st.none() | st.integers(0, 25)
    cursors = draw(st.lists(st.tuples(*[cursor] * len(partitions)), min_size=1, max_size=3))
    batches: list[tuple[int, Log]] = []
    for partition, log in enumerate(partitions):
        cuts = sorted(draw(st.sets(st.integers(1, len(log)), max_size=3)) | {len(log)})
        made = [log[start:end] for start, end in zip([0, *cuts], cuts, strict=False)]
        again = draw(st.integers(0, len(made) - 1))
        batches += [(partition, one) for one in [*made[: again + 1], *made[again:]]]
    order = draw(st.permutations(range(len(batches))))
    by_partition = [iter([b for b in batches if b[0] == p]) for p in range(len(partitions))]
    mixed = [next(by_partition[batches[at][0]]) for at in order]  # partitions mixed, each in its own order
    return partitions, [dict(enumerate(each)) for each in cursors], mixed


def reference(partitions: list[Log], cursors: dict[int, int | None], shard: int, shards: int) -> Counter[str]:
    return Counter(
        user
        for partition, log in enumerate(partitions)
        for offset, user in log
        if user is not None and offset >= (cursors[partition] or 0) and shard_of(user, shards) == shard
    )


@given(courses(), st.sets(st.integers(0, 12)))
def test_sums_are_those_of_the_logins_between_the_cursors_however_they_come(
    course: tuple[list[Log], list[dict[int, int | None]], list[tuple[int, Log]]], taken_after: set[int]
) -> None:
    partitions, cursors, batches = course
    pile, taken = Pile(cursors), []
    for number, (partition, log) in enumerate(batches):
        pile.add(batch(partition, log))
        if number in taken_after:
            taken.append(pile.take())
    taken.append(pile.take())

    for shard, start in enumerate(cursors):
        changes = [changes[shard] for changes in taken]
        assert sum((Counter(change.users) for change in changes), Counter()) == reference(
            partitions, start, shard, len(cursors)
        )
        assert_a_chain(changes, start)
        ends = {p: max(start[p] or 0, log[-1][0] + 1) for p, log in enumerate(partitions)}
        assert changes[-1].ends == ends


def assert_a_chain(changes: list[Change], start: dict[int, int | None]) -> None:
    """Each change leads from where the one before led to, and names every partition."""
    for change in changes:
        assert change.starts == start
        start = change.ends


def test_idle_partitions_and_shards_are_named_too() -> None:
    pile = Pile([{0: 5, 1: 7, 2: None}, {0: 5, 1: 7, 2: None}])

    pile.add(batch(0, [(5, "a")]))

    changes = pile.take()
    assert [change.shard for change in changes] == [0, 1]
    assert [change.ends for change in changes] == [{0: 6, 1: 7, 2: None}] * 2
    assert sum(len(change.users) for change in changes) == 1


def test_what_was_taken_does_not_change_any_more() -> None:
    pile = Pile([{0: 0}])
    pile.add(batch(0, [(0, "a")]))
    (change,) = pile.take()

    pile.add(batch(0, [(1, "a"), (2, "b")]))

    assert (dict(change.users), change.starts, change.ends) == ({"a": 1}, {0: 0}, {0: 1})


def test_a_pile_is_empty_until_a_cursor_has_to_move_and_after_all_was_taken() -> None:
    pile = Pile([{0: 3}])
    assert pile.empty

    pile.add(batch(0, [(1, "a"), (2, "b")]))
    assert pile.empty, "all of it is counted already"

    pile.add(batch(0, [(3, None)]))
    assert not pile.empty, "no login, but the cursor moves"

    pile.take()
    assert pile.empty


def test_it_tells_how_much_waits() -> None:
    pile = Pile([{0: 0}])

    pile.add(batch(0, [(0, "ann"), (1, "ann"), (2, "bo"), (3, None)]))

    assert (pile.users, pile.characters) == (2, 5)
    pile.take()
    assert (pile.users, pile.characters) == (0, 0)
