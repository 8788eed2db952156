"""Snapshots on a real Redis: what the flusher publishes is whole, and nobody's change is lost on the way."""

from collections.abc import Iterator

import pytest

from processor.counts.condition import Shards
from processor.counts.snapshot import Behind, Snapshot, Snapshots
from processor.counts.store import Applied, Conflict, Move
from processor.errors import LineageMismatch, NotReady, Refused, Unavailable
from processor.logins.snapshots import Fate
from tests.counting import LINEAGE, OTHER_LINEAGE, STRANGE_USERS, Place, place_in
from tests.stack import RedisServer

BIG = 2**53


@pytest.fixture
def place(redis_server: RedisServer) -> Iterator[Place]:
    yield from place_in(redis_server)


def taken(answer: Snapshot | Behind | None) -> Snapshot:
    assert isinstance(answer, Snapshot)
    return answer


def walked(snapshots: Snapshots, snapshot: Snapshot) -> dict[str, int]:
    users = [user for batch in snapshots.walk(snapshot) for user in batch]
    assert len(users) == len(dict(users)), "a user came twice"
    return dict(users)


def count(place: Place, start: int, end: int, users: dict[str, int]) -> None:
    assert place.store().apply(0, [Move(0, start, end)], users) == Applied()


def left_by_a_crash(place: Place, cursors: dict[int, int]) -> Snapshot:
    """A snapshot of ann and bob at these cursors, which nobody published."""
    place.load({"cy": 1}, dict.fromkeys(cursors, 0))
    place.store().apply(0, [Move(p, 0, end) for p, end in cursors.items()], {"ann": 2, "bob": 1})
    return taken(place.snapshots().take(0, {}, "left"))


def test_a_snapshot_has_what_changed_and_the_cursors_it_stands_for(place: Place) -> None:
    place.load({"ann": 5, "bob": 1}, {0: 10, 1: 7})
    count(place, 10, 12, {"ann": 1, "cy": 1})

    snapshot = place.snapshots().take(0, {0: 10, 1: 7}, "s1")

    assert snapshot == Snapshot(0, "s1", {0: 12, 1: 7}, 2, Fate.PUBLISH, resumed=False)
    assert walked(place.snapshots(), taken(snapshot)) == {"ann": 6, "cy": 1}
    assert place.changed() == {}


def test_what_changes_after_it_is_in_the_next(place: Place) -> None:
    place.load({}, {0: 0})
    count(place, 0, 2, {"ann": 2})
    snapshots = place.snapshots()
    first = taken(snapshots.take(0, {}, "s1"))
    count(place, 2, 5, {"ann": 1, "bob": 2})

    assert walked(snapshots, first) == {"ann": 2}
    assert snapshots.drop(first)
    assert walked(snapshots, taken(snapshots.take(0, {0: 2}, "s2"))) == {"ann": 3, "bob": 2}


def test_when_only_cursors_moved_the_snapshot_has_no_users(place: Place) -> None:
    place.load({"ann": 1}, {0: 1})
    count(place, 1, 4, {})

    snapshot = taken(place.snapshots().take(0, {0: 1}, "s1"))

    assert (snapshot.users, snapshot.cursors) == (0, {0: 4})
    assert walked(place.snapshots(), snapshot) == {}
    assert place.snapshots().stands(snapshot)
    assert place.snapshots().drop(snapshot)


def test_when_nothing_moved_there_is_none(place: Place) -> None:
    place.load({"ann": 1}, {0: 1})
    before = place.everything()

    assert place.snapshots().take(0, {0: 1}, "s1") is None
    assert place.everything() == before


def test_a_new_partition_alone_is_a_reason_for_one(place: Place) -> None:
    place.load({}, {0: 1})
    assert place.store().apply(0, [Move(1, None, 0)], {}) == Applied()

    assert taken(place.snapshots().take(0, {0: 1}, "s1")).cursors == {0: 1, 1: 0}


@pytest.mark.parametrize(
    ("checkpoint", "behind"),
    [({0: 11, 1: 7}, {0: 10}), ({0: 10, 1: 7, 2: 3}, {2: None}), ({0: 100, 1: 8}, {0: 10, 1: 7})],
)
def test_none_is_taken_of_a_redis_that_went_back(
    place: Place, checkpoint: dict[int, int], behind: dict[int, int | None]
) -> None:
    place.load({"ann": 5}, {0: 9, 1: 7})
    count(place, 9, 10, {"ann": 1})
    before = place.everything()

    assert place.snapshots().take(0, checkpoint, "s1") == Behind(behind)

    assert place.everything() == before


def test_offsets_are_compared_as_numbers_however_long(place: Place) -> None:
    place.load({}, {0: 9, 1: BIG})

    assert place.snapshots().take(0, {0: 10, 1: BIG + 1}, "s1") == Behind({0: 9, 1: BIG})
    assert taken(place.snapshots().take(0, {0: 8, 1: BIG - 1}, "s2")).cursors == {0: 9, 1: BIG}


def test_one_that_a_crash_left_comes_first(place: Place) -> None:
    left = left_by_a_crash(place, {0: 2, 1: 1})
    place.store().apply(0, [Move(0, 2, 3)], {"dee": 1})

    resumed = taken(place.snapshots().take(0, {0: 1, 1: 1}, "s2"))

    assert resumed == Snapshot(0, "left", left.cursors, 2, Fate.PUBLISH, resumed=True)
    assert walked(place.snapshots(), resumed) == {"ann": 2, "bob": 1}


@pytest.mark.parametrize(
    ("checkpoint", "expected"),
    [({0: 2, 1: 1}, Fate.DROP), ({0: 9, 1: 9}, Fate.DROP), ({0: 9, 1: 0}, Fate.THAW), ({}, Fate.PUBLISH)],
)
def test_one_that_was_left_says_its_fate(place: Place, checkpoint: dict[int, int], expected: Fate) -> None:
    left_by_a_crash(place, {0: 2, 1: 1})

    assert taken(place.snapshots().take(0, checkpoint, "s2")).fate is expected


def test_a_snapshot_whose_answer_was_lost_comes_back_on_the_next_try(place: Place) -> None:
    left = left_by_a_crash(place, {0: 2})

    again = taken(place.snapshots().take(0, {}, "left"))

    assert (again.id, again.users, again.cursors) == (left.id, left.users, left.cursors)


def test_a_deposed_leader_does_not_drop_its_successors(place: Place) -> None:
    place.load({}, {0: 0})
    count(place, 0, 2, {"ann": 2})
    snapshots = place.snapshots()
    deposed = taken(snapshots.take(0, {}, "s1"))
    assert snapshots.drop(deposed)
    count(place, 2, 3, {"ann": 1})
    successors = taken(snapshots.take(0, {0: 2}, "s2"))

    assert not snapshots.stands(deposed)
    assert not snapshots.drop(deposed)

    assert snapshots.stands(successors)
    assert walked(snapshots, successors) == {"ann": 3}


def test_a_dropped_one_leaves_nothing(place: Place) -> None:
    left = left_by_a_crash(place, {0: 2})

    assert place.snapshots().drop(left)

    assert place.raw.exists(place.keys[0].publishing, place.keys[0].publishing_cursors) == 0
    assert not place.snapshots().drop(left)


def test_thawed_users_are_among_the_changed_with_their_counts_of_now(place: Place) -> None:
    left = left_by_a_crash(place, {0: 2, 1: 1})
    place.store().apply(0, [Move(0, 2, 6)], {"ann": 3, "dee": 1})

    assert place.snapshots().thaw(left)

    assert place.changed() == {"ann": 5, "bob": 1, "dee": 1}
    assert place.raw.exists(place.keys[0].publishing, place.keys[0].publishing_cursors) == 0
    assert taken(place.snapshots().take(0, {0: 6, 1: 0}, "s2")).users == 3


def test_who_changed_is_published_even_where_the_cursors_stand_at_the_checkpoint(place: Place) -> None:
    assert place.snapshots().thaw(left_by_a_crash(place, {0: 2, 1: 1}))

    assert taken(place.snapshots().take(0, {0: 2, 1: 1}, "s2")).users == 2


@pytest.mark.parametrize("name", ["counts", "changed"])
def test_a_thaw_that_finds_something_amiss_deletes_nothing(place: Place, name: str) -> None:
    left = left_by_a_crash(place, {0: 2, 1: 1})
    place.raw.delete(getattr(place.keys[0], name))
    if name == "changed":
        place.raw.set(place.keys[0].changed, "something else")

    with pytest.raises(Refused):
        place.snapshots().thaw(left)

    assert place.snapshots().stands(left)


def test_a_thaw_of_many_users_that_breaks_off_loses_nobody(place: Place) -> None:
    users = {f"user-{n}": 1 for n in range(5000)}
    place.load({}, {0: 0, 1: 0})
    place.store().apply(0, [Move(0, 0, 5000), Move(1, 0, 1)], users)
    snapshots = place.snapshots()
    left = taken(snapshots.take(0, {}, "left"))
    walk = snapshots.walk(left)
    first = next(walk)
    walk.close()
    place.store().apply(0, [Move(0, 5000, 5001)], {first[0][0]: 1})

    assert snapshots.stands(left)
    assert snapshots.thaw(left)

    assert place.changed() == users | {first[0][0]: 2}
    assert taken(snapshots.take(0, {0: 5001, 1: 0}, "s2")).users == 5000


def test_a_thaw_stops_when_the_snapshot_is_another(place: Place) -> None:
    left = left_by_a_crash(place, {0: 2, 1: 1})
    snapshots = place.snapshots()
    snapshots.drop(left)
    place.store().apply(0, [Move(0, 2, 4)], {"ann": 2})
    other = taken(snapshots.take(0, {}, "s2"))
    place.store().apply(0, [Move(0, 4, 5)], {"bob": 1})

    assert not snapshots.thaw(left)

    assert snapshots.stands(other)
    assert place.changed() == {"bob": 2}


def test_a_walk_meets_every_user_of_many_once(place: Place) -> None:
    users = {f"user-{n}": n + 1 for n in range(20_000)}
    place.load({}, {0: 0})
    count(place, 0, 20_000, users)
    snapshot = taken(place.snapshots().take(0, {}, "s1"))

    batches = list(place.snapshots().walk(snapshot))

    assert max(map(len, batches)) <= 1000
    assert walked(place.snapshots(), snapshot) == users


def test_a_small_hash_that_is_scanned_in_one_step_still_comes_in_batches(place: Place) -> None:
    entries = place.raw.config_get("hash-max-listpack-entries")["hash-max-listpack-entries"]
    place.raw.config_set("hash-max-listpack-entries", 10_000)
    try:
        place.load({}, {0: 0})
        count(place, 0, 1, {f"user-{n}": 1 for n in range(2500)})
        snapshot = taken(place.snapshots().take(0, {}, "s1"))
        sizes = [len(batch) for batch in place.snapshots().walk(snapshot)]
    finally:
        place.raw.config_set("hash-max-listpack-entries", entries)

    assert sizes == [1000, 1000, 500]
    assert place.snapshots().thaw(snapshot)
    assert len(place.changed()) == 2500


def test_strange_users_are_walked_as_they_are(place: Place) -> None:
    users = {user: number for number, user in enumerate(STRANGE_USERS, 2**31)}
    place.load({}, {0: 0})
    count(place, 0, 1, users)
    snapshot = taken(place.snapshots().take(0, {}, "s1"))

    assert walked(place.snapshots(), snapshot) == users
    assert place.snapshots().thaw(snapshot)
    assert place.changed() == users


def many(place: Place) -> Snapshot:
    place.load({}, {0: 0})
    count(place, 0, 20_000, {f"user-{n}": 1 for n in range(20_000)})
    return taken(place.snapshots().take(0, {}, "s1"))


def test_a_walk_over_an_emptied_redis_does_not_look_like_its_end(place: Place) -> None:
    snapshot = many(place)
    walk = place.snapshots().walk(snapshot)
    next(walk)
    place.empty()

    with pytest.raises(Unavailable, match="of 20000 users"):
        list(walk)
    assert not place.snapshots().stands(snapshot)


def test_a_walk_ends_with_its_connection(place: Place) -> None:
    snapshot = many(place)
    walk = place.snapshots().walk(snapshot)
    next(walk)
    for client in place.raw.client_list():
        if client["name"] == "test":
            place.raw.client_kill_filter(_id=client["id"])

    with pytest.raises(Unavailable):
        list(walk)


def test_a_walk_ends_when_redis_restarts_between_two_of_its_steps(place: Place, redis_server: RedisServer) -> None:
    snapshot = many(place)
    walk = place.snapshots().walk(snapshot)
    next(walk)
    place.written()
    redis_server.kill9()
    redis_server.start()

    with pytest.raises(Unavailable):
        list(walk)

    assert place.snapshots().stands(snapshot)
    assert len(walked(place.snapshots(), snapshot)) == 20_000


def test_a_snapshot_does_not_stand_without_its_lineage_or_its_users(place: Place) -> None:
    snapshot = left_by_a_crash(place, {0: 2})
    assert not place.snapshots(OTHER_LINEAGE).stands(snapshot)
    saved = place.everything()

    place.raw.hdel(place.keys[0].publishing, "ann")
    assert not place.snapshots().stands(snapshot)

    place.go_back(saved)
    assert place.snapshots().stands(snapshot)
    place.raw.hdel(place.keys[0].cursors, "lineage")
    assert not place.snapshots().stands(snapshot)


def test_a_snapshot_that_lost_users_is_refused_with_a_cure(place: Place) -> None:
    left_by_a_crash(place, {0: 2})
    place.raw.delete(place.keys[0].publishing)

    with pytest.raises(Refused, match="data-processor restore --rebuild 0"):
        place.snapshots().take(0, {}, "s2")


def test_a_snapshot_without_its_record_is_refused(place: Place) -> None:
    left_by_a_crash(place, {0: 2})
    place.raw.delete(place.keys[0].publishing_cursors)

    with pytest.raises(Refused, match="lost"):
        place.snapshots().take(0, {}, "s2")


@pytest.mark.parametrize("name", ["counts", "changed"])
def test_lost_users_are_noticed_by_the_flusher_and_by_the_worker(place: Place, name: str) -> None:
    place.load({"ann": 1}, {0: 0})
    count(place, 0, 1, {"bob": 1})
    place.raw.delete(getattr(place.keys[0], name))

    with pytest.raises(Refused, match=name):
        place.snapshots().take(0, {}, "s1")
    with pytest.raises(Refused, match=name):
        place.store().apply(0, [Move(0, 1, 2)], {"bob": 1})


def test_the_cure_for_lost_users_works(place: Place) -> None:
    place.load({"ann": 1}, {0: 0})
    count(place, 0, 1, {"bob": 1})
    left = taken(place.snapshots().take(0, {}, "s1"))
    place.raw.delete(place.keys[0].counts)

    assert Shards(place.connection, place.settings).empty(0, LINEAGE)  # as what the message names does
    with pytest.raises(NotReady):
        place.store().apply(0, [Move(0, 1, 2)], {"bob": 1})
    place.load({"ann": 1}, {0: 0})  # as the flusher does then

    count(place, 0, 2, {"bob": 2})
    assert place.counts() == {"ann": 1, "bob": 2}
    assert not place.snapshots().drop(left)


def test_no_script_works_without_the_lineage(place: Place) -> None:
    snapshots = place.snapshots()
    with pytest.raises(NotReady):
        snapshots.take(0, {}, "s1")

    snapshot = left_by_a_crash(place, {0: 2})
    with pytest.raises(LineageMismatch) as refused:
        place.snapshots(OTHER_LINEAGE).take(0, {}, "s1")
    with pytest.raises(LineageMismatch):
        place.snapshots(OTHER_LINEAGE).thaw(snapshot)

    assert LINEAGE in str(refused.value)
    assert OTHER_LINEAGE in str(refused.value)


def test_taking_checking_and_dropping_one_costs_the_same_whatever_its_size(place: Place) -> None:
    place.load({}, {0: 0})
    costs = []
    for number, size in enumerate([1, 1, 50_000]):  # the first time, Redis has to learn the scripts
        count(place, number, number + 1, {f"user-{number}-{n}": 1 for n in range(size)})
        snapshots = place.snapshots()
        place.costs()
        snapshot = taken(snapshots.take(0, {0: number}, f"s{number}"))
        assert snapshots.stands(snapshot)
        assert snapshots.drop(snapshot)
        costs.append(place.costs())

    assert costs[2] == costs[1]
    # What these touch beside cursors is touched as a whole, in constant time.
    assert set(costs[2]) <= {"evalsha", "hmget", "hget", "hgetall", "hkeys", "hlen", "hset", "copy", "rename", "unlink"}


def test_a_walk_reads_what_others_wrote_as_a_refusal(place: Place) -> None:
    snapshot = left_by_a_crash(place, {0: 2})
    place.raw.hset(place.keys[0].publishing, "ann", "many")

    with pytest.raises(Refused, match="something else wrote"):
        list(place.snapshots().walk(snapshot))


def test_an_old_snapshot_and_a_conflict_leave_each_other_alone(place: Place) -> None:
    snapshot = left_by_a_crash(place, {0: 2})

    assert place.store().apply(0, [Move(0, 0, 1)], {"ann": 1}) == Conflict({0: 2})

    assert place.snapshots().stands(snapshot)
