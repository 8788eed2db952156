"""Hosts share the pool's target without a leader: each comes to the same shares, and little moves."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.scaling.need import Need
from processor.scaling.pool import CoolDown, Host, shares, target

patient = settings(deadline=None)  # a busy machine takes its time


@st.composite
def hosts(draw: st.DrawFn, names: str = "abcd") -> list[Host]:
    found = []
    for name in draw(st.lists(st.sampled_from(names), unique=True, min_size=1)):
        slots = draw(st.integers(1, 10))
        found.append(Host(name, slots, draw(st.integers(1, slots)), draw(st.integers(1, 30))))
    return found


@patient
@given(hosts(), st.integers(0, 50), st.randoms())
def test_every_host_comes_to_the_same_shares(found: list[Host], workers: int, order: Random) -> None:
    shuffled = list(found)
    order.shuffle(shuffled)

    assert shares(found, workers) == shares(shuffled, workers)


@patient
@given(hosts(), st.integers(0, 50))
def test_shares_add_up_to_the_target_within_the_slots(found: list[Host], workers: int) -> None:
    given_out = shares(found, workers)

    fixed = sum(host.slots for host in found if host.fixed)
    assert all(0 <= given_out[host.name] <= host.slots for host in found)
    assert all(given_out[host.name] == host.slots for host in found if host.fixed)
    assert sum(given_out.values()) == max(fixed, min(workers, sum(host.slots for host in found)))


@patient
@given(hosts(), st.integers(0, 50))
def test_no_host_gets_more_than_its_minimum_before_each_has_its_own(found: list[Host], workers: int) -> None:
    given_out = shares(found, workers)

    above = any(given_out[host.name] > host.least for host in found)
    assert not above or all(given_out[host.name] >= host.least for host in found)


@patient
@given(hosts(), st.integers(0, 50))
def test_one_worker_more_changes_one_host(found: list[Host], workers: int) -> None:
    before, after = shares(found, workers), shares(found, workers + 1)

    assert sum(after[name] - before[name] for name in before) in {0, 1}
    assert all(0 <= after[name] - before[name] <= 1 for name in before)


@patient
@given(hosts(), st.integers(0, 50))
def test_a_lost_hosts_share_is_taken_over_where_there_are_slots_and_given_back(found: list[Host], workers: int) -> None:
    with_all = shares(found, workers)
    survivors = found[1:]
    if survivors and not any(host.fixed for host in found):
        without = shares(survivors, workers)
        assert sum(without.values()) == min(workers, sum(host.slots for host in survivors))
        assert all(without[host.name] >= with_all[host.name] for host in survivors)
    assert shares([*survivors, found[0]], workers) == with_all


@patient
@given(hosts(), st.integers(1, 30), st.integers(1, 20))
def test_the_target_lies_between_the_minimum_and_one_a_partition_with_one_spare_at_most(
    found: list[Host], wanted: int, partitions: int
) -> None:
    least = sum(host.least for host in found)

    workers = target(wanted, found, partitions)

    assert workers <= partitions + 1
    assert workers >= min(least, partitions)
    assert workers == partitions + 1 or workers <= partitions
    assert least > partitions or workers <= partitions


def test_the_target_falls_only_after_fewer_did_for_the_whole_cool_down() -> None:
    cool_down = CoolDown(100.0)
    targets, now = [], 8
    for at in range(0, 400, 10):
        needed = 8 if at < 150 else 5 if at < 200 else 3
        now = cool_down.target(float(at), now, Need(needed, "")).workers
        targets.append((at, now))

    assert next(at for at, workers in targets if workers == 5) == 250
    assert next(at for at, workers in targets if workers == 3) == 300
    assert {workers for _, workers in targets} == {8, 5, 3}


def test_the_target_rises_at_once() -> None:
    cool_down = CoolDown(100.0)
    cool_down.target(0.0, 2, Need(2, ""))

    assert cool_down.target(5.0, 2, Need(7, "")).workers == 7
