"""What the facts mean, and what of them is a problem."""

import pytest
from msgspec.structs import replace

from processor.counts.answers import moved_to
from processor.counts.hosts import Beat, Heard
from processor.counts.reading import ShardState
from processor.counts.stopped import Notice
from processor.kafka.glance import Letters
from processor.kafka.members import Group, Member
from processor.kafka.offsets import Committed
from processor.logins.breaker import Stopped
from processor.scaling.pool import Host
from processor.settings import Settings, WorkerSettings
from processor.status.facts import KafkaFacts, Look, RedisFacts
from processor.status.health import Health, health, problems
from processor.status.picture import picture, ranges, still, uncounted

SETTINGS = Settings()
LINEAGE = "topic=a"
MEMBERS = [Member("vm-1", 0, [0]), Member("vm-2", 3, [1])]


def shard(number: int = 0, lineage: str | None = LINEAGE, **cursors: int) -> ShardState:
    where = {int(name[1:]): offset for name, offset in cursors.items()}
    return ShardState(number, lineage, users=5, changed=0, cursors=where, publishing=None, restoring=None)


def kafka(committed: dict[int, int], ends: dict[int, int], **changed: object) -> KafkaFacts:
    facts = KafkaFacts(
        missing=[],
        lineage=LINEAGE,
        group=Group("stable", MEMBERS),
        committed={p: Committed(offset, "0") for p, offset in committed.items()},
        checkpoint=dict(committed),
        bounds={p: (0, end) for p, end in ends.items()},
        dead_letters=Letters(3, exact=True),
    )
    return replace(facts, **changed)


def redis(*shards: ShardState, leader: tuple[str, float] | None = ("vm-1", 9.0), refusal: str = "") -> RedisFacts:
    return RedisFacts(shards, [7] * len(shards), leader, refusal)


def look(at: float = 0.0, offset: int = 10, end: int = 10, **changed: object) -> Look:
    """Two partitions, both at `offset`, counted and published."""
    both = {0: offset, 1: offset}
    return Look(at, redis(shard(p0=offset, p1=offset)), kafka(both, {0: end, 1: end}, **changed))


def whats(now: Look, settings: Settings = SETTINGS) -> list[str]:
    return [problem.what for problem in problems(settings, now)]


def test_counts_that_were_divided_anew_are_noticed_where_the_settings_are_still_the_old_ones() -> None:
    assert whats(look(checkpoint_shards=4)) == ["published from 4 shards"]
    assert whats(look(checkpoint_shards=SETTINGS.redis.shards)) == []


def test_a_shard_whose_counts_were_moved_says_where_they_are() -> None:
    now = Look(0.0, redis(shard(lineage=moved_to("new", 4))), kafka({0: 10, 1: 10}, {0: 10, 1: 10}))
    found = problems(SETTINGS, now)
    assert [problem.what for problem in found] == ["shard 0 is somewhere else"]
    assert "redis.prefix=new redis.shards=4" in found[0].advice


def test_a_pool_at_rest_has_no_problems_and_is_healthy() -> None:
    assert problems(SETTINGS, look()) == []
    assert health(look(), []) is Health.HEALTHY


def test_lags_are_what_lies_between_the_end_and_each_position() -> None:
    now = Look(0.0, redis(shard(p0=60, p1=70)), kafka({0: 80, 1: 90}, {0: 100, 1: 100}, checkpoint={0: 50}))

    rows = picture(None, now).partitions

    assert [(r.committed_lag, r.counted_lag, r.published_lag) for r in rows] == [(20, 40, 50), (10, 30, 100)]


def test_the_counted_lag_is_that_of_the_shard_that_is_most_behind() -> None:
    now = Look(0.0, redis(shard(0, p0=60), shard(1, p0=40)), kafka({0: 80}, {0: 100}))

    assert picture(None, now).partitions[0].counted_lag == 60


@pytest.mark.parametrize("lineage", [None, "topic=b"])
def test_without_the_right_lineage_nobody_knows_what_is_counted(lineage: str | None) -> None:
    now = Look(0.0, redis(shard(0, p0=60), shard(1, lineage, p0=40)), kafka({0: 80}, {0: 100}))

    assert picture(None, now).partitions[0].counted_lag is None


def test_a_position_that_does_not_exist_yet_is_the_logs_first_offset() -> None:
    now = Look(0.0, redis(shard()), kafka({}, {}, bounds={0: (30, 100)}, checkpoint={}))

    (row,) = picture(None, now).partitions

    assert (row.committed_lag, row.counted_lag, row.published_lag) == (70, 70, 70)


def test_rates_are_what_was_processed_between_two_looks() -> None:
    seen = picture(look(at=10.0, offset=100, end=900), look(at=12.0, offset=300, end=900))

    assert [row.rate for row in seen.partitions] == [100.0, 100.0]
    assert seen.rate == 200.0


def test_a_single_look_knows_no_rate() -> None:
    assert [row.rate for row in picture(None, look()).partitions] == [None, None]


def test_each_partition_has_its_owner_and_spare_workers_are_told_apart() -> None:
    seen = picture(None, look(group=Group("stable", [*MEMBERS, Member("vm-3", 1, [])])))

    assert [(row.host, row.slot) for row in seen.partitions] == [("vm-1", 0), ("vm-2", 3)]
    assert (seen.workers, seen.spare_workers) == (3, 1)


def test_what_moves_or_is_caught_up_does_not_stand_still() -> None:
    assert still(look(offset=5, end=10), look(at=1.0, offset=6, end=10)) == {}
    assert still(look(offset=10, end=10), look(at=1.0, offset=10, end=10)) == {}


def test_a_login_that_came_after_the_first_look_is_no_standstill() -> None:
    assert still(look(offset=10, end=10), look(at=1.0, offset=10, end=11)) == {}


def test_what_was_behind_and_has_not_moved_stands_still() -> None:
    assert still(look(offset=5, end=10), look(at=1.0, offset=5, end=10)) == {0: 5, 1: 5}


def test_a_partition_that_nobody_owns_is_not_expected_to_move() -> None:
    alone = Group("stable", [Member("vm-1", 0, [0])])

    assert still(look(offset=5, end=10), look(at=1.0, offset=5, end=10, group=alone)) == {0: 5}


def test_counts_that_stay_behind_what_is_processed_are_seen() -> None:
    before = Look(0.0, redis(shard(p0=5, p1=10)), kafka({0: 10, 1: 10}, {0: 10, 1: 10}))
    later = Look(1.0, redis(shard(p0=6, p1=10)), kafka({0: 20, 1: 10}, {0: 20, 1: 10}))

    assert uncounted(before, before) == [0]
    assert uncounted(before, later) == []


def test_what_stands_still_is_named_with_its_owner() -> None:
    (problem,) = problems(SETTINGS, look(offset=5), standing={1})

    assert problem.what == "standing still: partition 1"
    assert "vm-2, worker-03" in problem.advice


def test_partitions_without_an_owner_are_named_together() -> None:
    nobody = look(group=Group("empty", []))

    assert whats(nobody) == ["no owner: partition 0-1"]


def test_a_rebalance_asks_for_another_look() -> None:
    (problem,) = problems(SETTINGS, look(group=Group("preparing_rebalancing", [Member("vm-1", 0, [])])))

    assert "look again" in problem.advice


def test_missing_topics_are_named() -> None:
    now = Look(0.0, redis(shard()), KafkaFacts(missing=["user-login", "processed-logins"]))

    assert whats(now) == ["no topic user-login, processed-logins"]


def test_a_shard_that_waits_for_its_restore_is_named() -> None:
    now = look()
    waiting = replace(shard(lineage=None), restoring=1200)

    (problem,) = problems(SETTINGS, replace(now, redis=redis(waiting)))

    assert problem.what == "shard 0 is not ready"
    assert "1,200 users" in problem.advice


def test_a_shard_of_another_lineage_is_named_with_both() -> None:
    (problem,) = problems(SETTINGS, replace(look(), redis=redis(shard(lineage="topic=b"))))

    assert problem.what == "shard 0 is of another lineage"
    assert "topic=a" in problem.advice
    assert "topic=b" in problem.advice


def test_without_a_leader_nothing_is_published() -> None:
    assert whats(replace(look(), redis=redis(shard(p0=10, p1=10), leader=None))) == ["no flusher leads"]


def test_a_redis_that_may_evict_is_a_problem() -> None:
    now = replace(look(), redis=redis(shard(p0=10, p1=10), refusal="maxmemory-policy is allkeys-lru"))

    assert whats(now) == ["Redis may evict keys"]


def test_counts_without_a_committed_offset_are_a_lost_position() -> None:
    now = Look(0.0, redis(shard(p0=10, p1=10)), kafka({1: 10}, {0: 10, 1: 10}))

    assert whats(now) == ["position lost: partition 0"]


def test_a_position_that_retention_passed_is_lost_unless_gaps_are_accepted() -> None:
    now = look(offset=10, end=100, bounds={0: (50, 100), 1: (0, 100)})
    accepting = replace(SETTINGS, worker=WorkerSettings(accept_gap=True))

    assert whats(now) == ["position lost: partition 0"]
    assert whats(now, accepting) == []


@pytest.mark.parametrize("silent", ["kafka", "redis"])
def test_a_system_that_does_not_answer_is_more_than_unhealthy_and_the_other_one_is_still_shown(silent: str) -> None:
    now = replace(look(), **{silent: "timed out"})

    found = problems(SETTINGS, now)

    assert health(now, found) is Health.UNREACHABLE
    assert [problem.advice for problem in found] == ["timed out"]
    seen = picture(look(at=-1.0), now)
    assert bool(seen.partitions) == (silent == "redis")
    assert bool(seen.shards) == (silent == "kafka")


def test_nothing_at_all_is_still_a_picture() -> None:
    now = Look(0.0, "timed out", "timed out")

    assert picture(now, now).partitions == []
    assert still(now, now) == {}
    assert uncounted(now, now) == []


def test_numbers_in_a_row_are_a_range() -> None:
    assert ranges([0, 1, 2, 5, 7, 8]) == "0-2, 5, 7-8"
    assert ranges([]) == ""


def test_a_stopped_partition_says_why_and_what_to_do_and_does_not_stand_still_as_well() -> None:
    notice = Notice(Stopped(1, 5, rejected=901, records=1000, reason="json"), "vm-2-worker-03", since=1_700_000_000_999)
    now = look(offset=5)
    now = replace(now, redis=replace(now.redis, stopped=[notice]))

    (problem,) = problems(SETTINGS, now, standing={1})

    assert problem.what == "stopped: partition 1"
    assert "901 of 1,000 records in a row are malformed, most of them `json`" in problem.advice
    assert "2023-11-14 22:13:20 UTC" in problem.advice
    assert "`data-processor resume 1`" in problem.advice
    assert health(now, [problem]) is Health.UNHEALTHY
    assert picture(None, now).stopped == [notice]


def test_a_stopped_partition_whose_worker_does_not_answer_says_so() -> None:
    notice = Notice(Stopped(1, 5, rejected=901, records=1000, reason="json"), "vm-2-worker-03", since=1, go_on=True)
    now = look()

    (problem,) = problems(SETTINGS, replace(now, redis=replace(now.redis, stopped=[notice])))

    assert "told to go on, but vm-2-worker-03 has not taken notice" in problem.advice


def test_hosts_are_told_apart_and_one_that_is_only_heard_of_is_not_forgotten() -> None:
    beats = [Heard(Beat(Host(name, 2, 0, 2), "line"), age) for name, age in (("vm-1", 1.0), ("vm-3", 40.0))]
    before, now = look(at=0.0, offset=0), look(at=10.0, offset=10)
    spare = [*MEMBERS, Member("vm-2", 4, [])]
    now = replace(
        now,
        kafka=replace(now.kafka, group=Group("stable", spare)),
        redis=replace(now.redis, heard=beats, leader=("vm-2/flusher/7/ab", 9.0)),
    )

    seen = {row.host: row for row in picture(before, now).hosts}

    assert list(seen) == ["vm-1", "vm-2", "vm-3"]
    assert (seen["vm-1"].workers, seen["vm-1"].spare_workers, seen["vm-1"].partitions) == (1, 0, 1)
    assert (seen["vm-2"].workers, seen["vm-2"].spare_workers, seen["vm-2"].partitions) == (2, 1, 1)
    assert (seen["vm-3"].workers, seen["vm-3"].partitions, seen["vm-3"].lag) == (0, 0, 0)
    assert [row.leads for row in seen.values()] == [False, True, False]
    assert [row.heard_seconds for row in seen.values()] == [1.0, None, 40.0]
    assert seen["vm-1"].rate == pytest.approx(1.0)


def test_a_host_s_rate_is_unknown_after_a_single_look() -> None:
    assert [row.rate for row in picture(None, look()).hosts] == [None, None]
