"""Every benchmark runs on the real servers, in its smallest size: what it measures here means nothing."""

from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import pytest
from msgspec.structs import replace

from benchmarks import recovery
from benchmarks.rig import results, servers, stream
from benchmarks.rig.command import run
from benchmarks.rig.servers import Servers
from deploy.local.servers import Broker
from processor.settings import FlusherSettings, Settings
from tests import stack

SMALL = {
    "overhead": ["--logins", "2000", "--rounds", "1"],
    "scaling": ["--logins", "2000", "--rounds", "1", "--partitions", "2"],
    "latency": ["--seconds", "2", "--rounds", "1", "--percents", "50", "--rates", "500"],
    "users": ["--logins", "2000", "--rounds", "1", "--users", "10,2000", "--changed", "10", "--flushes", "1"],
    "recovery": ["--kills", "1", "--workers", "1", "--rate", "200"],
    "wide": ["--logins", "2000", "--rate", "2000", "--seconds", "2.5", "--rounds", "1", "--cases", "3/2/2/2"],
    "stages": ["--logins", "2000", "--rounds", "1"],
    "secured": ["--logins", "2000", "--rounds", "1"],
}


@pytest.fixture
def here(
    kafka: Broker,
    redis_server: stack.RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The tests' own Kafka and Redis instead of new ones, a flusher that does not rest, and hardly any warm-up."""
    where = Servers(kafka, redis_server, tmp_path_factory.mktemp("b"))  # short: supervisor's socket lies in there
    made = stack.new_settings

    def quick(kafka: Broker, redis: stack.RedisServer, run_directory: Path) -> Settings:
        return replace(made(kafka, redis, run_directory), flusher=FlusherSettings(interval_seconds=0.2))

    monkeypatch.setattr(servers, "started", lambda: nullcontext(where))
    monkeypatch.setattr(stack, "new_settings", quick)
    monkeypatch.setattr(stream, "WARM_UP_SECONDS", 0.3)
    monkeypatch.setattr(recovery, "CALM_SECONDS", 0.3)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("name", "options"), SMALL.items())
def test_every_benchmark_measures_checks_and_draws(name: str, options: Sequence[str], tmp_path: Path) -> None:
    benchmark = import_module(f"benchmarks.{name}").BENCHMARK

    assert run(benchmark, [*options, "--results", str(tmp_path)]) == 0

    found = results.load(tmp_path / f"{name}.json")
    assert found.measured
    assert all(figure > 0 for figure in found.figures.values())
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
