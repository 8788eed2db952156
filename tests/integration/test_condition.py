"""Whole shards on a real Redis: what is wrong with one is seen, and only the right one is emptied or retired."""

from collections.abc import Callable, Iterator

import pytest

from processor.counts.answers import moved_to
from processor.counts.condition import Condition, Shards
from processor.counts.snapshot import Snapshot
from processor.counts.store import Applied, Move
from processor.errors import LineageMismatch, NotReady
from tests.counting import LINEAGE, OTHER_LINEAGE, Place, place_in
from tests.stack import RedisServer

MARK = moved_to("elsewhere", 4)


@pytest.fixture
def place(redis_server: RedisServer) -> Iterator[Place]:
    """Two shards: in the first, one user restored, one counted and frozen, one counted since."""
    for made in place_in(redis_server, 2):
        for shard in (0, 1):
            made.load({"ann": 1}, {0: 5}, shard)
        assert made.store().apply(0, [Move(0, 5, 6)], {"bob": 1}) == Applied()
        assert isinstance(made.snapshots().take(0, {0: 5}, "s1"), Snapshot)
        assert made.store().apply(0, [Move(0, 6, 7)], {"cy": 1}) == Applied()
        yield made


def conditions(place: Place) -> list[Condition]:
    return Shards(place.connection, place.settings).conditions()


def test_a_sound_shard_has_no_damage_in_any_state(place: Place) -> None:
    assert conditions(place) == [
        Condition(shard=0, lineage=LINEAGE, users=3, cursors={0: 7}),
        Condition(shard=1, lineage=LINEAGE, users=1, cursors={0: 5}),
    ]
    place.empty()
    assert [(one.lineage, one.damage) for one in conditions(place)] == [(None, "")] * 2


Damage = Callable[[Place], object]

DAMAGES: dict[str, Damage] = {
    "it has 2 of 3 users": lambda place: place.raw.hdel(place.keys[0].counts, "ann"),
    "it has 0 of 3 users": lambda place: place.raw.delete(place.keys[0].counts),
    "it has 0 of 1 changed users": lambda place: place.raw.delete(place.keys[0].changed),
    "its snapshot has 0 users": lambda place: place.raw.delete(place.keys[0].publishing),
    "its snapshot has 1 users": lambda place: place.raw.delete(place.keys[0].publishing_cursors),
    "nobody knows how many": lambda place: place.raw.hdel(place.keys[0].cursors, "users"),
    "a cursor is no offset": lambda place: place.raw.hset(place.keys[0].cursors, "3", "x"),
}


@pytest.mark.parametrize("said", DAMAGES)
def test_each_damage_is_named_and_the_other_shard_sound(said: str, place: Place) -> None:
    DAMAGES[said](place)

    first, second = conditions(place)

    assert said in first.damage
    assert second.damage == ""


def test_a_shard_of_this_lineage_is_emptied_wholly_and_its_neighbour_left_alone(place: Place) -> None:
    before = place.everything()

    assert Shards(place.connection, place.settings).empty(0, LINEAGE)

    left = place.everything()
    assert left == {key: found for key, found in before.items() if b":1}" in key}
    with pytest.raises(NotReady):
        place.store().apply(0, [Move(0, 7, 8)], {"ann": 1})


@pytest.mark.parametrize("lineage", [OTHER_LINEAGE, MARK, ""])
def test_a_shard_of_something_else_is_neither_emptied_nor_retired(lineage: str, place: Place) -> None:
    shards, before = Shards(place.connection, place.settings), place.everything()
    assert not shards.empty(0, lineage)
    assert not shards.retire(lineage, "moved to nowhere", drop=True)
    assert place.everything() == before


@pytest.mark.parametrize("drop", [False, True])
def test_nobody_goes_on_with_a_retired_shard_and_the_line_says_where_its_counts_are(place: Place, drop: bool) -> None:
    shards = Shards(place.connection, place.settings)

    assert shards.retire(LINEAGE, MARK, drop=drop)
    assert shards.retire(LINEAGE, MARK, drop=drop)  # as after a kill

    for refused in (
        lambda: place.store().cursors(),
        lambda: place.store().apply(0, [Move(0, 7, 8)], {"ann": 1}),
        lambda: place.snapshots().take(0, {}, "s2"),
        lambda: place.loading().begin(0, "r"),
    ):
        with pytest.raises(LineageMismatch, match=r"moved to redis\.prefix=elsewhere redis\.shards=4"):
            refused()
    assert [one.moved for one in conditions(place)] == [True, True]
    assert place.counts() == ({} if drop else {"ann": 1, "bob": 1, "cy": 1})
