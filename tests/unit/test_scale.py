"""Scale on one page: the arithmetic and the simulation agree with what can be told without them."""

from pathlib import Path

import pytest

from benchmarks.scale.costs import Costs, measured
from benchmarks.scale.simulated import Server, serve
from benchmarks.scale.sizes import Assumed, changed, needed, settled_flush


def test_without_results_the_design_figures_stand_in(tmp_path: Path) -> None:
    assert measured(tmp_path) == Costs()


def test_the_committed_results_are_read() -> None:
    costs = measured()
    assert len(costs.sources) == 2
    assert len(costs.redis) == 4


def test_redis_costs_what_was_measured_where_it_was_and_goes_on_by_its_last_slope() -> None:
    costs = Costs(redis={100: 1.0, 1000: 2.0, 10_000: 4.0})
    assert [costs.redis_at(users) for users in (10, 100, 1000)] == [1.0, 1.0, 2.0]
    assert costs.redis_at(10_000) == pytest.approx(4.0)
    assert costs.redis_at(100_000) == pytest.approx(6.0)


def test_workers_are_the_cores_that_stay_as_idle_as_was_assumed() -> None:
    costs = Costs(worker=5.0)
    assert needed(1_000_000, 1_000_000, costs, Assumed(load=0.5)).workers == 10
    assert needed(1_000_000, 1_000_000, costs, Assumed(load=1.0)).workers == 5


def test_memory_alone_can_ask_for_shards_beyond_what_there_can_be() -> None:
    wants = needed(1, 10**9, Costs(user_bytes=129.0), Assumed(shard_gb=1.0))
    assert wants.shards == 129
    assert wants.bends == ("129 shards, 128 at most",)


def test_changed_users_are_no_more_than_logins_nor_than_users() -> None:
    assert changed(10, 1e9, 1) == pytest.approx(10)
    assert changed(1e9, 1000, 10) == pytest.approx(1000)


def test_a_flush_longer_than_its_interval_settles_where_it_finds_what_changed_while_it_lasted() -> None:
    lasts = settled_flush(1e6, 1e7, 3.0, 10.0)
    assert lasts > 10
    assert lasts == pytest.approx(changed(1e6, 1e7, lasts) * 3e-6, rel=1e-3)


def test_a_server_keeps_up_below_its_capacity_and_serves_just_that_beyond_it() -> None:
    server = Server(request=50.0, login=5.0)  # 200,000 logins a second
    below, beyond = (serve(server, 256, rate, 0.02, seconds=20.0) for rate in (160_000, 400_000))
    assert below.kept > 0.99
    assert beyond.kept == pytest.approx(0.5, abs=0.02)


def test_requests_alone_bend_at_one_over_their_cost() -> None:
    served = serve(Server(request=1000.0, login=0.0), 100, 1.0, 0.02)
    assert served.requests == pytest.approx(1000, rel=0.1)
    assert served.busy > 0.95
