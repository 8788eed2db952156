"""Redis late, older than it was, or empty."""

from tests.chaos.mutants.case import FLUSHER, WORKER, Case
from tests.chaos.mutants.stories.story import catches
from tests.pool import eventually


def _save(case: Case) -> None:
    case.together(lambda: case.older.append(case.redis.save(case.folder)))


def _set_back(case: Case) -> None:
    case.together(lambda: case.redis.restore(case.older[-1]))


@catches("no-compare-and-set", "repeats-an-apply-from-the-cursors-it-was-told")
def redis_answers_too_late(case: Case) -> None:
    case.begin()
    case.together(case.redis.pause)
    case.account.feed(200)
    case.says(WORKER, "waiting: counting in Redis")
    case.together(case.redis.resume)


@catches("names-only-busy-partitions", "compares-nothing-while-idle", "keeps-the-pile-after-a-refusal")
def redis_goes_back_while_counts_wait_and_while_nothing_happens(case: Case) -> None:
    case.begin()
    _save(case)
    case.account.feed(200)
    case.rest()
    case.together(case.redis.pause)
    for _ in range(2):  # what is in flight, and what piles up behind it
        case.account.feed(200)
        case.all_committed()
    _set_back(case)
    case.all_counted()
    _save(case)
    case.account.feed(200)
    case.all_counted()
    _set_back(case)


@catches("commits-the-position", "writes-all-of-a-batch", partitions=1, batch_records=50)
def redis_goes_back_and_a_worker_is_killed_while_it_catches_up(case: Case) -> None:
    case.begin(logins=10)
    _save(case)
    case.account.feed(405)  # so that a batch spans the committed offset
    case.rest()
    case.kill(WORKER)
    _set_back(case)
    case.account.feed(75)
    case.start(WORKER, crash_at="worker.after-commit:3")
    case.dies(WORKER, logins=0)
    case.start(WORKER)


@catches("publishes-a-redis-that-went-back", "publishes-whatever-was-left")
def redis_goes_back_to_the_middle_of_a_flush(case: Case) -> None:
    case.begin()
    case.stop(FLUSHER)
    case.account.feed(200)
    case.all_counted()
    case.start(FLUSHER, crash_at="flusher.after-take")
    case.dies(FLUSHER)
    case.account.feed(200)
    case.all_counted()
    _save(case)
    case.start(FLUSHER)
    case.account.feed(200)
    case.rest()
    case.kill(WORKER)
    before = case.checkpoint()
    _set_back(case)
    eventually("it is noticed, or not", lambda: case.said(FLUSHER, "older than") or case.checkpoint() != before)
    case.start(WORKER)


@catches("publishes-without-the-checkpoint")
def a_flusher_is_killed_and_redis_emptied(case: Case) -> None:
    case.begin()
    case.stop(FLUSHER)
    case.account.feed(200)
    case.all_counted()
    case.start(FLUSHER, crash_at="flusher.after-offsets:2")
    case.dies(FLUSHER)
    case.together(case.redis.flushall)
    case.start(FLUSHER)


@catches("loads-any-chunk", lease_seconds=30.0)
def redis_is_emptied_between_two_chunks_of_a_restore(case: Case) -> None:
    case.start(WORKER)
    case.start(FLUSHER)
    case.account.feed(6_500, users=10**6)
    case.rest()
    case.stop(FLUSHER)
    case.together(case.redis.flushall)
    case.start(FLUSHER, stop_at="restore.after-chunk")
    case.stops(FLUSHER)
    case.together(case.redis.flushall)
    case.wakes(FLUSHER)


@catches("takes-a-scans-end-for-success", lease_seconds=30.0)
def redis_restarts_during_a_walk(case: Case) -> None:
    case.begin()
    case.stop(FLUSHER)
    case.account.feed(4_000, users=10**6)
    case.all_counted()
    case.start(FLUSHER, stop_at="flusher.during-walk")
    case.stops(FLUSHER)
    case.together(case.redis.kill9)
    case.together(case.redis.start)
    case.wakes(FLUSHER)
