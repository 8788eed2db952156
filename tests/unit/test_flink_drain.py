"""What a migration to Flink refuses: a place from which going on would lose or repeat something."""

import pytest

from deploy.flink.drain import refuse_differences, refuse_uncommitted, starts, united
from processor.counts.answers import TAKEN_OVER, check_lineage
from processor.counts.keys import Keys
from processor.counts.resetting import Resetting
from processor.errors import LineageMismatch, Refused, Unavailable
from processor.settings import RedisSettings

LOG = {0: (10, 30), 1: (0, 5)}


def test_flink_starts_where_the_pool_ended_and_at_the_logs_beginning_where_it_never_was() -> None:
    assert starts("user-login", {0: 20}, LOG) == {0: 20, 1: 0}


@pytest.mark.parametrize(("offset", "lost"), [(9, "9, and its log reaches from 10"), (31, "31, and its log reaches")])
def test_an_offset_that_is_not_in_the_log_is_refused(offset: int, lost: str) -> None:
    with pytest.raises(Refused, match=f"user-login partition 0 is processed below offset {lost}"):
        starts("user-login", {0: offset}, LOG)


@pytest.mark.parametrize("processed", [{0: 19, 1: 7}, {1: 7}])
def test_what_is_counted_but_not_committed_as_processed_is_refused(processed: dict[int, int]) -> None:
    with pytest.raises(Refused, match="shard 1 counts partition 0 up to offset 20"):
        refuse_uncommitted([{1: 7}, {0: 20}], processed)


def test_what_is_processed_but_not_counted_yet_can_be_counted() -> None:
    refuse_uncommitted([{0: 10}, {}], {0: 20, 1: 7})


def test_a_user_in_two_partitions_is_refused_even_where_one_is_a_tombstone() -> None:
    assert united(iter([{"a": 1}, {"b": 2}])) == {"a": 1, "b": 2}
    with pytest.raises(Refused, match="1 users in two partitions"):
        united(iter([{"a": 1}, {"b": 2, "a": 0}]))


@pytest.mark.parametrize("published", [{"a": 2}, {"a": 0}, {}])
def test_a_count_that_is_published_otherwise_is_refused_without_naming_the_user(published: dict[str, int]) -> None:
    refuse_differences([("a", 3)], {"a": 3})
    with pytest.raises(Refused, match="counts 3 logins of a user") as refused:
        refuse_differences([("a", 3)], published)
    assert "'a'" not in str(refused.value)


def test_a_pool_that_is_started_after_it_is_told_to_stop_and_not_to_reset() -> None:
    with pytest.raises(LineageMismatch, match="processes the logins now: stop this pool") as refused:
        check_lineage(TAKEN_OVER.encode(), Keys("logins", 0), "user-login/1")
    assert "reset" not in str(refused.value)


class Interrupted:
    """A Redis that loses its connection at the second shard's mark."""

    def __init__(self) -> None:
        self.unmarked: list[str] = []

    def run(self, _doing: str, script: str, keys: list[str], arguments: list[str]) -> bytes | None:
        if script == "unmark":
            self.unmarked.append(arguments[1])
        elif "1" in keys[0]:
            raise Unavailable("gone")
        return b"the lineage"


def test_marks_of_which_one_failed_are_all_taken_back() -> None:
    redis = Interrupted()
    shards = Resetting(redis, RedisSettings(shards=3), TAKEN_OVER)  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        shards.mark()

    shards.unmark()

    assert redis.unmarked == ["the lineage", "", ""]
