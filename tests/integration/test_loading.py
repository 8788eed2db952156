"""Restoring shards on a real Redis: whole or not at all, whoever else tries and whatever happens to Redis meanwhile."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from processor.counts.snapshot import Snapshot
from processor.counts.store import Applied, Move
from processor.errors import LineageMismatch, NotReady, Refused
from tests.counting import LINEAGE, OTHER_LINEAGE, STRANGE_USERS, Place, place_in, until
from tests.stack import RedisServer


@pytest.fixture
def place(redis_server: RedisServer) -> Iterator[Place]:
    yield from place_in(redis_server)


def chunk(number: int, size: int = 1500) -> dict[str, int]:
    return {f"user-{number}-{n}": n + 1 for n in range(size)}


def test_a_restored_shard_has_its_counts_cursors_and_lineage(place: Place) -> None:
    loading = place.loading()
    assert not loading.ready(0)

    assert loading.begin(0, "r1")
    assert loading.add(0, "r1", 0, chunk(0))
    assert loading.add(0, "r1", 1, chunk(1))
    assert loading.finish(0, "r1", 2, 3000, {0: 2**53 + 1, 3: 7})

    assert loading.ready(0)
    assert place.counts() == chunk(0) | chunk(1)
    assert place.changed() == {}
    assert place.store().cursors() == [{0: 2**53 + 1, 3: 7}]
    assert place.raw.exists(place.keys[0].restoring) == 0
    assert place.store().apply(0, [Move(3, 7, 8), Move(4, None, 1)], {"user-0-0": 1, "new": 1}) == Applied()
    assert place.counts()["user-0-0"] == 2


def test_nobody_sees_a_shard_before_it_is_finished(place: Place) -> None:
    loading = place.loading()
    loading.begin(0, "r1")
    loading.add(0, "r1", 0, chunk(0))

    with pytest.raises(NotReady):
        place.store().cursors()
    with pytest.raises(NotReady):
        place.store().apply(0, [Move(0, None, 1)], {"ann": 1})
    with pytest.raises(NotReady):
        place.snapshots().take(0, {}, "s1")

    assert place.counts() == {}


@pytest.mark.parametrize("chunks", [[], [{}], [{}, {}]])
def test_a_restore_without_any_user_works(place: Place, chunks: list[dict[str, int]]) -> None:
    loading = place.loading()
    assert loading.begin(0, "r1")
    for number, users in enumerate(chunks):
        assert loading.add(0, "r1", number, users)

    assert loading.finish(0, "r1", len(chunks), 0, {})

    assert place.store().cursors() == [{}]
    assert place.raw.exists(place.keys[0].restoring) == 0
    assert place.store().apply(0, [Move(0, None, 1)], {"ann": 1}) == Applied()


def test_of_a_user_in_two_chunks_the_larger_count_stays(place: Place) -> None:
    loading = place.loading()
    loading.begin(0, "r1")
    assert loading.add(0, "r1", 0, {"ann": 9, "bob": 2**33, "cy": 10})
    assert loading.add(0, "r1", 1, {"ann": 10, "bob": 5, "cy": 9})

    assert loading.loaded(0) == 3
    assert loading.finish(0, "r1", 2, 3, {})

    assert place.counts() == {"ann": 10, "bob": 2**33, "cy": 10}


def test_a_user_who_comes_with_no_logins_is_taken_out_again(place: Place) -> None:
    loading = place.loading()
    loading.begin(0, "r1")
    assert loading.add(0, "r1", 0, {"ann": 9, "bob": 1})
    assert loading.add(0, "r1", 1, {"ann": 0, "never-seen": 0})
    assert loading.add(0, "r1", 2, {"ann": 2})
    assert loading.add(0, "r1", 3, {"bob": 0})

    assert loading.finish(0, "r1", 4, 1, {})

    assert place.counts() == {"ann": 2}


def test_strange_users_are_loaded_as_they_are(place: Place) -> None:
    users = {user: number for number, user in enumerate(STRANGE_USERS, 1)}

    place.load(users)

    assert place.counts() == users


@pytest.mark.parametrize("users", [8001, 100_000])
def test_any_number_of_users_fits_one_chunk(place: Place, users: int) -> None:
    place.load({f"user-{n}": n + 1 for n in range(users)})

    assert place.raw.hlen(place.keys[0].counts) == users
    assert place.counts()[f"user-{users - 1}"] == users


def test_a_chunk_whose_answer_was_lost_may_be_sent_again(place: Place) -> None:
    loading = place.loading()
    loading.begin(0, "r1")
    assert loading.add(0, "r1", 0, {"ann": 1})

    assert loading.add(0, "r1", 0, {"ann": 1})

    assert loading.add(0, "r1", 1, {"bob": 1})
    assert loading.finish(0, "r1", 2, 2, {})
    assert not loading.finish(0, "r1", 2, 2, {})
    assert loading.ready(0)
    assert place.counts() == {"ann": 1, "bob": 1}


@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_chunk_out_of_turn_is_refused(place: Place, number: int) -> None:
    loading = place.loading()
    loading.begin(0, "r1")
    before = place.everything()

    assert not loading.add(0, "r1", number, {"ann": 1})

    assert place.everything() == before


def test_the_numbers_of_chunks_are_not_confused_with_ids(place: Place) -> None:
    loading = place.loading()
    loading.begin(0, "r1 1")

    assert not loading.add(0, "r1", 10, {"ann": 1})
    assert loading.add(0, "r1 1", 0, {"ann": 1})


def test_a_restore_that_lacks_a_chunk_is_not_finished(place: Place) -> None:
    loading = place.loading()
    loading.begin(0, "r1")
    loading.add(0, "r1", 0, {"ann": 1})
    before = place.everything()

    assert not loading.finish(0, "r1", 2, 1, {})
    assert not loading.finish(0, "r1", 0, 1, {})
    with pytest.raises(Refused, match="lost"):
        loading.finish(0, "r1", 1, 2, {})

    assert place.everything() == before


def test_whoever_begins_last_goes_on_and_the_other_is_refused(place: Place) -> None:
    first, second = place.loading(), place.loading()
    first.begin(0, "r1")
    first.add(0, "r1", 0, {"ann": 1, "bob": 1})

    assert second.begin(0, "r2")

    assert not first.add(0, "r1", 1, {"cy": 1})
    assert not first.finish(0, "r1", 1, 2, {0: 1})
    assert second.add(0, "r2", 0, {"ann": 1})
    assert not first.add(0, "r1", 1, {"cy": 1})
    assert second.finish(0, "r2", 1, 1, {0: 5})
    assert not first.finish(0, "r1", 1, 2, {0: 1})
    assert not first.add(0, "r1", 1, {"cy": 1})
    assert not first.begin(0, "r3")
    assert place.counts() == {"ann": 1}
    assert place.store().cursors() == [{0: 5}]


def test_two_restorers_at_full_speed_end_in_one_exact_shard(place: Place) -> None:
    truth = chunk(0) | chunk(1) | chunk(2)
    finished: list[str] = []

    def restore(name: str) -> None:
        loading = place.loading()
        attempt = 0
        while not loading.ready(0):
            attempt += 1
            this = f"{name}-{attempt}"
            if (
                loading.begin(0, this)
                and all(loading.add(0, this, n, chunk(n)) for n in range(3))
                and loading.finish(0, this, 3, len(truth), {0: 9})
            ):
                finished.append(this)

    threads = [Thread(target=restore, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(finished) == 1
    assert place.counts() == truth


@pytest.mark.parametrize("when", ["before the second chunk", "before the end"])
def test_a_flushall_in_the_middle_is_refused(place: Place, when: str) -> None:
    loading = place.loading()
    loading.begin(0, "r1")
    loading.add(0, "r1", 0, chunk(0))
    if when == "before the second chunk":
        place.empty()
        assert not loading.add(0, "r1", 1, chunk(1))
    else:
        loading.add(0, "r1", 1, chunk(1))
        place.empty()

    assert not loading.finish(0, "r1", 2, 3000, {0: 1})

    assert place.everything() == {}


def test_a_redis_that_went_back_in_the_middle_is_refused(
    place: Place, redis_server: RedisServer, tmp_path: Path
) -> None:
    loading = place.loading()
    loading.begin(0, "r1")
    loading.add(0, "r1", 0, chunk(0))
    saved = redis_server.save(tmp_path)
    loading.add(0, "r1", 1, chunk(1))
    redis_server.restore(saved)

    assert not loading.add(0, "r1", 2, chunk(2))
    assert not loading.finish(0, "r1", 3, 4500, {0: 1})

    assert not loading.ready(0)


def test_a_restore_survives_a_restart_of_redis(place: Place, redis_server: RedisServer) -> None:
    loading = place.loading()
    loading.begin(0, "r1")
    loading.add(0, "r1", 0, chunk(0))
    place.written()
    redis_server.kill9()
    redis_server.start()

    assert loading.add(0, "r1", 1, chunk(1))
    assert loading.finish(0, "r1", 2, 3000, {0: 1})

    assert place.counts() == chunk(0) | chunk(1)


def test_what_was_there_before_is_gone_after(place: Place) -> None:
    place.load({"ann": 1}, {0: 0, 1: 0})
    place.store().apply(0, [Move(0, 0, 2)], {"old": 2})
    assert isinstance(place.snapshots().take(0, {}, "s1"), Snapshot)
    place.store().apply(0, [Move(0, 2, 3)], {"old": 1})
    place.raw.hdel(place.keys[0].cursors, "lineage")  # partition 1 and the numbers of users stay

    place.load({"ann": 1}, {0: 1})

    keys = place.keys[0]
    assert place.counts() == {"ann": 1}
    assert place.store().cursors() == [{0: 1}]
    assert place.raw.exists(keys.changed, keys.publishing, keys.publishing_cursors, keys.restoring) == 0
    assert place.snapshots().take(0, {0: 1}, "s2") is None


def test_a_shard_of_another_lineage_is_not_restored_over(place: Place) -> None:
    place.load({"ann": 1}, {0: 1})
    before = place.everything()
    other = place.loading(OTHER_LINEAGE)

    with pytest.raises(LineageMismatch):
        other.ready(0)
    with pytest.raises(LineageMismatch) as refused:
        other.begin(0, "r1")
    with pytest.raises(LineageMismatch):
        other.finish(0, "r1", 0, 0, {})

    assert LINEAGE in str(refused.value)
    assert place.everything() == before


def test_an_erased_shard_leaves_nothing_and_its_neighbours_alone(redis_server: RedisServer) -> None:
    place = Place(redis_server.url, shards=2)
    place.load({"ann": 1}, {0: 0}, shard=0)
    place.load({"bob": 1}, {0: 0}, shard=1)
    place.store().apply(0, [Move(0, 0, 1)], {"ann": 1})
    place.snapshots().take(0, {}, "s1")
    place.store().apply(0, [Move(0, 1, 2)], {"ann": 1})

    place.loading().erase(0)

    assert not place.loading().ready(0)
    assert place.raw.exists(*place.keys[0].all()) == 0
    assert place.counts(1) == {"bob": 1}
    place.empty()
    place.close()


def test_finishing_frees_what_was_there_before_in_the_background(place: Place) -> None:
    loading, users = place.loading(), {f"user-{n}": 1 for n in range(5000)}
    place.load(users, {0: 0})
    place.store().apply(0, [Move(0, 0, 1)], users)
    place.raw.delete(place.keys[0].cursors)
    loading.begin(0, "r1")
    loading.add(0, "r1", 0, users)
    place.costs()

    assert loading.finish(0, "r1", 1, 5000, {0: 1})

    until(lambda: place.raw.info("memory")["lazyfreed_objects"] >= 2)  # counts and changed
    assert sum(place.costs().values()) < 12
