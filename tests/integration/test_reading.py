"""What tools read of the counts, on a real Redis."""

from collections.abc import Iterator

import pytest

from processor.counts.reading import ShardState
from processor.counts.store import Move
from processor.errors import Refused
from processor.logins.count import shard_of, tally
from tests.counting import LINEAGE, STRANGE_USERS, Place, place_in
from tests.stack import RedisServer

SHARDS = 3
USERS = {f"user-{n:04}": n % 50 + 1 for n in range(5000)} | dict.fromkeys(STRANGE_USERS, 40)


@pytest.fixture
def place(redis_server: RedisServer) -> Iterator[Place]:
    for place in place_in(redis_server, SHARDS):
        parts: list[dict[str, int]] = [{} for _ in range(SHARDS)]
        for user, logins in USERS.items():
            parts[shard_of(user, SHARDS)][user] = logins
        for shard, users in enumerate(parts):
            place.load(users, {0: 10}, shard)
        yield place


def test_the_count_of_each_user_asked_for(place: Place) -> None:
    reading = place.reading()

    assert reading.count(["user-0007", "nobody", "a\0b"]) == [8, None, 40]
    assert reading.count(STRANGE_USERS) == [40] * len(STRANGE_USERS)
    assert reading.count([]) == []


def test_the_top_is_the_most_logins_first_and_equal_ones_by_name(place: Place) -> None:
    assert place.reading().top(3) == [("user-0049", 50), ("user-0099", 50), ("user-0149", 50)]
    assert place.reading().top(0) == []
    assert len(place.reading().top(10**6)) == len(USERS)


def test_the_totals_are_those_of_all_shards(place: Place) -> None:
    assert place.reading().totals() == (len(USERS), sum(USERS.values()))


def test_a_shard_is_walked_whole(place: Place) -> None:
    walked = [dict(user for batch in place.reading().counts(shard) for user in batch) for shard in range(SHARDS)]

    assert walked[0] | walked[1] | walked[2] == USERS
    assert [len(users) for users in walked] == [len(part) for part in tally(USERS, SHARDS)]


def test_the_state_of_each_shard(place: Place) -> None:
    place.store().apply(0, [Move(0, 10, 12)], {"new-1": 1, "new-2": 1})
    place.snapshots().take(0, {0: 10}, "s1")
    place.store().apply(0, [Move(0, 12, 13)], {"new-1": 1})
    place.loading().erase(1)
    place.loading().begin(1, "r1")
    place.loading().add(1, "r1", 0, {"ann": 1, "bob": 1})
    place.loading().erase(2)
    users = place.raw.hlen(place.keys[0].counts)

    assert place.reading().shard_states() == [
        ShardState(0, LINEAGE, users, 1, {0: 13}, 2, None),
        ShardState(1, None, 0, 0, {}, None, 2),
        ShardState(2, None, 0, 0, {}, None, None),
    ]


def test_a_count_that_is_no_number_is_refused(place: Place) -> None:
    place.raw.hset(place.keys[0].counts, b"\xff", 1)

    with pytest.raises(Refused, match="something else wrote"):
        place.reading().totals()
