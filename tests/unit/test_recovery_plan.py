"""What a restore by hand fills anew, what it refuses, and to where shards are levelled before they are divided."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from processor.counts.condition import damage_of, damage_of_snapshot
from processor.errors import ConfigurationError, Refused
from processor.recovery.plan import ShardPlan, again, chosen, level, refuse_without_backup, refuse_without_log

PLAN = ShardPlan(
    shard=0, lineage="l", damage="", users=5, cursors={0: 50}, checkpoint={0: 40}, published=5, rebuild=True
)


def test_empty_and_damaged_shards_are_filled_anew_and_those_that_were_asked_for() -> None:
    assert chosen(4, [], []) == set()
    assert chosen(4, [2], [0]) == {0, 2}


def test_a_shard_that_there_is_not_is_a_wrong_option() -> None:
    with pytest.raises(ConfigurationError, match="there are the shards 0 to 3"):
        chosen(4, [4], [])


def test_published_counts_without_a_checkpoint_are_no_backup() -> None:
    with pytest.raises(Refused, match="no checkpoint"):
        refuse_without_backup(replace(PLAN, checkpoint={}), "a", "g")
    refuse_without_backup(replace(PLAN, checkpoint={}, published=0), "a", "g")
    refuse_without_backup(replace(PLAN, checkpoint={}, rebuild=False), "a", "g")


def test_a_shard_is_not_set_back_to_where_the_log_does_not_reach() -> None:
    with pytest.raises(Refused, match="back to offset 40 of partition 0, but retention deleted the log below 41"):
        refuse_without_log(PLAN, {0: 0}, {0: (41, 60)})
    for harmless in (
        replace(PLAN, rebuild=False),
        replace(PLAN, lineage=None),  # it is empty: there is nothing to lose
        replace(PLAN, cursors={0: 40}),  # nothing was counted since
    ):
        refuse_without_log(harmless, {0: 0}, {0: (41, 60)})
    refuse_without_log(PLAN, {0: 0}, {0: (40, 60)})


def test_a_shard_without_a_checkpoint_is_set_back_to_where_counting_began() -> None:
    unpublished = replace(PLAN, checkpoint={}, published=0)
    refuse_without_log(unpublished, {0: 30}, {0: (30, 60)})
    with pytest.raises(Refused, match="back to offset 30"):
        refuse_without_log(unpublished, {0: 30}, {0: (31, 60)})


def test_what_is_counted_again_lies_between_the_least_checkpoint_and_the_committed_offset() -> None:
    plans = [PLAN, replace(PLAN, shard=1, checkpoint={0: 45}), replace(PLAN, shard=2, checkpoint={}, rebuild=False)]
    assert again(plans, {0: 50, 1: 7}, {1: 3}) == 10 + 4
    assert again([replace(PLAN, rebuild=False)], {0: 50}, {}) == 0


offsets = st.dictionaries(st.integers(0, 3), st.integers(0, 100), max_size=4)


@given(shards=st.lists(offsets, min_size=1, max_size=4), checkpoint=st.lists(offsets, min_size=1, max_size=4))
def test_no_shard_stands_above_where_all_are_levelled_to_and_one_stands_there(
    shards: list[dict[int, int]], checkpoint: list[dict[int, int]]
) -> None:
    top = level(shards, checkpoint)
    known = [*shards, *checkpoint]
    assert all(at <= top[p] for each in known for p, at in each.items())
    assert all(any(each.get(p) == at for each in known) for p, at in top.items())


@pytest.mark.parametrize(
    ("fields", "damage"),
    [
        ({b"users": b"5", b"changed": b"2"}, ""),
        ({b"users": b"6", b"changed": b"2"}, "it has 5 of 6 users"),
        ({b"users": b"5", b"changed": b"0"}, "it has 2 of 0 changed users"),
        ({b"changed": b"2"}, "it has 5 of nobody knows how many users"),
    ],
)
def test_a_shard_that_has_not_what_is_recorded_is_damaged(fields: dict[bytes, bytes], damage: str) -> None:
    assert damage_of(fields, 5, 2) == damage


def test_a_snapshot_is_damaged_when_it_lost_users_or_its_record() -> None:
    assert damage_of_snapshot({}, 0) == ""
    assert damage_of_snapshot({b"id": b"x", b"changed": b"3"}, 3) == ""
    assert damage_of_snapshot({b"id": b"x", b"changed": b"3"}, 2)
    assert damage_of_snapshot({}, 3)
