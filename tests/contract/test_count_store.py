"""What a worker may rely on, of the count store in memory and of the one on Redis alike."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.counts.store import Applied, Conflict, CountStore, Move
from processor.errors import LineageMismatch, NotReady, Refused, Unavailable
from tests.counting import LINEAGE, OTHER_LINEAGE, STRANGE_USERS, Place, place_in
from tests.stack import RedisServer
from tests.twins.counts import MemoryCountStore, MemoryRedis

BIG = 2**53


class World(Protocol):
    """One Redis with two shards, real or not."""

    def store(self, lineage: str = LINEAGE) -> CountStore | MemoryCountStore: ...
    def load(self, users: Mapping[str, int], cursors: Mapping[int, int], shard: int = 0) -> None: ...
    def counts(self, shard: int = 0) -> dict[str, int]: ...
    def everything(self) -> Any: ...
    def go_back(self, saved: Any) -> None: ...
    def empty(self) -> None: ...
    def lose_counts(self) -> None: ...


class RealWorld(Place):
    def lose_counts(self) -> None:
        self.raw.delete(self.keys[0].counts)


class MemoryWorld:
    def __init__(self) -> None:
        self.redis = MemoryRedis(shards=2)
        self.everything = self.redis.save
        self.go_back = self.redis.go_back
        self.empty = self.redis.empty

    def store(self, lineage: str = LINEAGE) -> MemoryCountStore:
        return MemoryCountStore(self.redis, lineage)

    def load(self, users: Mapping[str, int], cursors: Mapping[int, int], shard: int = 0) -> None:
        self.redis.load(shard, LINEAGE, users, cursors)

    def counts(self, shard: int = 0) -> dict[str, int]:
        return self.redis.shards[shard].counts

    def lose_counts(self) -> None:
        self.redis.shards[0].counts.clear()


@pytest.fixture(params=["memory", "redis"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        yield MemoryWorld()
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    for _ in place_in(server):
        place = RealWorld(server.url, shards=2)
        yield place
        place.empty()
        place.close()


def test_an_apply_adds_logins_and_moves_the_cursors(world: World) -> None:
    world.load({"ann": 5}, {0: 10, 1: 20})

    answer = world.store().apply(0, [Move(0, 10, 13), Move(1, 20, 21)], {"ann": 2, "bob": 1})

    assert answer == Applied()
    assert world.counts() == {"ann": 7, "bob": 1}
    world.load({}, {}, shard=1)
    assert world.store().cursors() == [{0: 13, 1: 21}, {}]


def test_a_partition_without_a_cursor_gets_one(world: World) -> None:
    world.load({}, {})

    assert world.store().apply(0, [Move(0, None, 3)], {"ann": 3}) == Applied()

    assert world.store().apply(0, [Move(0, None, 5)], {"ann": 2}) == Conflict({0: 3})
    assert world.store().apply(0, [Move(0, 3, 5)], {"ann": 2}) == Applied()
    assert world.counts() == {"ann": 5}


def test_one_cursor_elsewhere_refuses_all_and_changes_nothing(world: World) -> None:
    world.load({"ann": 5}, {0: 10, 1: 20, 2: 30})
    before = world.everything()

    answer = world.store().apply(0, [Move(0, 10, 13), Move(1, 19, 22), Move(7, None, None)], {"ann": 2})

    assert answer == Conflict({0: 10, 1: 20, 7: None})
    assert world.everything() == before


def test_an_idle_partition_that_stands_elsewhere_is_noticed(world: World) -> None:
    world.load({}, {0: 10, 1: 20})

    assert world.store().apply(0, [Move(0, 10, 11), Move(1, 25, 25)], {"ann": 1}) == Conflict({0: 10, 1: 20})
    assert world.store().apply(0, [Move(0, 10, 11), Move(1, None, None)], {"ann": 1}) == Conflict({0: 10, 1: 20})
    assert world.store().apply(0, [Move(0, 10, 11), Move(1, 20, 20)], {"ann": 1}) == Applied()


def test_a_cursor_that_is_missing_is_no_cursor_that_fits(world: World) -> None:
    world.load({}, {0: 10})

    assert world.store().apply(0, [Move(0, 10, 11), Move(1, 5, 6)], {"ann": 2}) == Conflict({0: 10, 1: None})
    assert world.store().apply(0, [Move(0, 10, 11), Move(1, 0, 0)], {"ann": 2}) == Conflict({0: 10, 1: None})

    assert world.counts() == {}


def test_an_idle_partition_without_a_cursor_gets_none(world: World) -> None:
    world.load({}, {})
    world.load({}, {}, shard=1)

    assert world.store().apply(0, [Move(0, None, 1), Move(1, None, None)], {"ann": 1}) == Applied()

    assert world.store().cursors() == [{0: 1}, {}]


def test_cursors_move_without_any_login(world: World) -> None:
    world.load({"ann": 1}, {0: 10})

    assert world.store().apply(0, [Move(0, 10, 15)], {}) == Applied()
    assert world.store().apply(0, [Move(0, 15, 15)], {}) == Applied()

    assert world.counts() == {"ann": 1}


def test_the_same_apply_again_is_answered_with_cursors_at_its_ends(world: World) -> None:
    world.load({}, {0: 0})
    moves, users = [Move(0, 0, 4), Move(1, None, 6)], {"ann": 10}
    world.store().apply(0, moves, users)

    again = world.store().apply(0, moves, users)

    assert again == Conflict({0: 4, 1: 6})
    assert world.counts() == {"ann": 10}


def test_a_zombies_apply_changes_nothing(world: World) -> None:
    world.load({}, {0: 0})
    zombie = world.store()
    world.store().apply(0, [Move(0, 0, 4)], {"ann": 4})
    world.store().apply(0, [Move(0, 4, 9)], {"ann": 5})
    before = world.everything()

    assert zombie.apply(0, [Move(0, 0, 6)], {"ann": 6}) == Conflict({0: 9})

    assert world.everything() == before


def test_a_redis_that_went_back_answers_with_its_older_cursors(world: World) -> None:
    world.load({}, {0: 0})
    saved = world.everything()
    world.store().apply(0, [Move(0, 0, 4)], {"ann": 4})
    world.go_back(saved)

    assert world.store().apply(0, [Move(0, 4, 9)], {"ann": 5}) == Conflict({0: 0})
    assert world.store().apply(0, [Move(0, 0, 9)], {"ann": 9}) == Applied()

    assert world.counts() == {"ann": 9}


def test_an_emptied_redis_is_not_ready(world: World) -> None:
    world.load({"ann": 1}, {0: 1})
    world.empty()

    with pytest.raises(NotReady):
        world.store().cursors()
    with pytest.raises(NotReady):
        world.store().apply(0, [Move(0, None, 4)], {"ann": 4})
    assert world.counts() == {}


def test_each_shard_must_be_ready(world: World) -> None:
    world.load({}, {0: 1})

    with pytest.raises(NotReady, match="shard 1"):
        world.store().cursors()


def test_shards_move_alone(world: World) -> None:
    world.load({"ann": 1}, {0: 5})
    world.load({"bob": 1}, {0: 5}, shard=1)

    assert world.store().apply(1, [Move(0, 5, 8)], {"bob": 3}) == Applied()

    assert world.store().cursors() == [{0: 5}, {0: 8}]
    assert (world.counts(0), world.counts(1)) == ({"ann": 1}, {"bob": 4})


def test_another_lineage_is_refused_by_both_names(world: World) -> None:
    world.load({"ann": 1}, {0: 5})
    before = world.everything()

    with pytest.raises(LineageMismatch) as refused:
        world.store(OTHER_LINEAGE).apply(0, [Move(0, 5, 6)], {"ann": 1})
    with pytest.raises(LineageMismatch):
        world.store(OTHER_LINEAGE).cursors()

    assert LINEAGE in str(refused.value)
    assert OTHER_LINEAGE in str(refused.value)
    assert world.everything() == before


def test_lineage_is_judged_before_cursors(world: World) -> None:
    world.load({}, {0: 5})

    with pytest.raises(LineageMismatch):
        world.store(OTHER_LINEAGE).apply(0, [Move(0, 1, 6)], {})


def test_lost_counts_are_refused(world: World) -> None:
    world.load({"ann": 1}, {0: 5})
    world.lose_counts()

    with pytest.raises(Refused, match="lost"):
        world.store().apply(0, [Move(0, 5, 6)], {"ann": 1})


def test_offsets_are_exact_beyond_what_a_double_can_tell_apart(world: World) -> None:
    world.load({}, {0: BIG, 1: 2**63 - 2})

    assert world.store().apply(0, [Move(0, BIG + 1, BIG + 2)], {}) == Conflict({0: BIG})
    assert world.store().apply(0, [Move(0, BIG, BIG + 1), Move(1, 2**63 - 2, 2**63 - 1)], {}) == Applied()

    assert world.store().apply(0, [Move(0, 0, 0), Move(1, 0, 0)], {}) == Conflict({0: BIG + 1, 1: 2**63 - 1})


def test_strange_user_names_are_counted_as_they_are(world: World) -> None:
    world.load({}, {0: 0})
    users = {user: number for number, user in enumerate(STRANGE_USERS, 1)}

    world.store().apply(0, [Move(0, 0, 1)], users)
    world.store().apply(0, [Move(0, 1, 2)], users)

    assert world.counts() == {user: 2 * number for user, number in users.items()}


def test_counts_grow_beyond_32_and_53_bits_of_sum_without_rounding(world: World) -> None:
    world.load({"ann": 2**31 - 1, "bob": 2**52}, {0: 0})

    world.store().apply(0, [Move(0, 0, 1)], {"ann": 2**33, "bob": 2**52 - 1})

    assert world.counts() == {"ann": 2**31 - 1 + 2**33, "bob": 2**53 - 1}


@pytest.mark.parametrize("users", [999, 1000, 1001, 8001, 100_000])
def test_any_number_of_users_fits_one_apply(world: World, users: int) -> None:
    world.load({f"user-{n}": 1 for n in range(0, users, 7)}, {0: 0})
    added = {f"user-{n}": n % 5 + 1 for n in range(users)}

    assert world.store().apply(0, [Move(0, 0, users)], added) == Applied()

    assert world.counts() == {user: logins + (n % 7 == 0) for n, (user, logins) in enumerate(added.items())}


def test_a_cursor_never_goes_back() -> None:
    with pytest.raises(ValueError, match="can't move"):
        Move(0, 5, 4)
    with pytest.raises(ValueError, match="can't move"):
        Move(0, 5, None)


LOGINS = ["ann", "bob", "ann", "cy", "bob", "ann", "dee", "ann", "eve", "bob"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10), st.booleans()), max_size=20))
def test_whoever_applies_whatever_the_counts_fit_the_cursor(world: World, steps: list[tuple[int, int, bool]]) -> None:
    """Any mix of fresh, repeated, overlapping and stale applies, with a Redis going back in between."""
    world.empty()
    world.load({}, {0: 0})
    saved = world.everything()

    for start, end, back in steps:
        if back:
            world.go_back(saved)
        else:
            saved = world.everything()
        if end >= start:
            world.store().apply(0, [Move(0, start, end)], Counter(LOGINS[start:end]))

    answer = world.store().apply(0, [Move(0, None, None)], {})
    assert isinstance(answer, Conflict)
    cursor = answer.cursors[0]
    assert cursor is not None
    assert world.counts() == Counter(LOGINS[:cursor])


def test_the_twin_can_be_down_and_can_lose_its_answers() -> None:
    world = MemoryWorld()
    world.load({}, {0: 0})
    world.redis.mute = True
    with pytest.raises(Unavailable):
        world.store().apply(0, [Move(0, 0, 1)], {"ann": 1})
    world.redis.mute, world.redis.reachable = False, False
    with pytest.raises(Unavailable):
        world.store().cursors()
    assert world.counts() == {"ann": 1}
