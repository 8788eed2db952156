"""Two flushers: one that led, and its successor."""

from tests.chaos.mutants.case import FLUSHER, Case
from tests.chaos.mutants.stories.story import catches


@catches("drops-publishing-without-its-id", group="flushers")
def a_deposed_leader_wakes_up_after_its_commit(case: Case) -> None:
    case.begin()
    case.stop(FLUSHER)
    case.start(FLUSHER, stop_at="flusher.after-commit")
    case.stops(FLUSHER, logins=50)
    case.account.feed(200)
    case.all_counted()
    successor = case.host()
    successor.start(FLUSHER, stop_at="flusher.after-take:2")  # the first that it takes is the one left by the other
    successor.stops(FLUSHER)
    case.wakes(FLUSHER)
    case.says(FLUSHER, "leading no more")
    case.kill(FLUSHER)
    successor.wakes(FLUSHER)
    case.running.pop(FLUSHER)


@catches("is-never-fenced", group="flushers")
def a_deposed_leader_wakes_up_before_its_commit(case: Case) -> None:
    case.begin()
    case.stop(FLUSHER)
    case.start(FLUSHER, stop_at="flusher.before-commit")
    case.stops(FLUSHER, logins=50)
    case.account.feed(200)
    successor = case.host()
    successor.start(FLUSHER)
    case.rest()
    case.wakes(FLUSHER)
    case.says(FLUSHER, "leading no more")
    case.kill(FLUSHER)
    case.running.pop(FLUSHER)
