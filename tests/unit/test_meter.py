"""A process's numbers in memory, and the file that they are left in."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from processor import proc
from processor.metrics import files, meter, told
from processor.metrics.metric import Kind, Metric
from processor.metrics.telling import telling

Found = dict[tuple[str, ...], float]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Every test has a worker's meter of its own."""
    meter.begin(told.OF_WORKER, told.STATES["worker"])
    yield
    meter.begin((), ("",))


def found(metric: Metric) -> Found:
    return {labels: value for each, labels, value in meter.numbers() if each is metric}


def buckets(metric: Metric) -> list[float]:
    (counts,) = [counts for each, _, counts in meter.histograms() if each is metric]
    return counts


def test_a_counter_whose_labels_are_known_begins_at_0_so_that_its_first_rise_is_one() -> None:
    meter.add(told.SKIPPED, 3, "output")

    assert found(told.SKIPPED) == {("output",): 3.0, ("counts",): 0.0}


def test_a_gauge_is_absent_until_somebody_knows_it() -> None:
    assert found(told.OWNED) == {}

    meter.put(told.OWNED, 2)

    assert found(told.OWNED) == {(): 2.0}


def test_a_partition_given_up_is_forgotten_and_one_taken_over_begins_now() -> None:
    for partition in ("0", "1"):
        meter.put(told.PROGRESS, 1.0, partition)

    meter.keep(told.PROGRESS, {"1", "2"}, 7.0)

    assert found(told.PROGRESS) == {("1",): 1.0, ("2",): 7.0}


def test_a_value_on_a_bound_lies_below_it_and_one_beyond_all_is_counted_too() -> None:
    bounds = told.APPLY_SECONDS.bounds
    for value in (bounds[0], bounds[1], bounds[-1] + 1):
        meter.observe(told.APPLY_SECONDS, value)
    meter.observe(told.APPLY_SECONDS, bounds[1], weight=5)

    counts = buckets(told.APPLY_SECONDS)

    assert counts[:-1] == [1, 6] + [0] * (len(bounds) - 2) + [1]
    assert counts[-1] == pytest.approx(bounds[0] + 6 * bounds[1] + bounds[-1] + 1)


def test_all_time_is_spent_on_something() -> None:
    meter.begin(told.OF_WORKER, told.STATES["worker"])
    began = time.monotonic()
    for _ in range(3):
        time.sleep(0.01)
        meter.polled()
        sum(range(100_000))
        meter.spent("decode")
    ended = time.monotonic()

    assert sum(found(told.SPENT).values()) == pytest.approx(ended - began, abs=0.005)


def test_waiting_is_not_what_costs_cpu() -> None:
    time.sleep(0.05)
    meter.polled()

    spent = found(told.SPENT)

    assert spent["wait",] > spent["poll",]


def test_a_process_is_in_exactly_one_of_its_states() -> None:
    meter.be("spare")

    assert found(told.PROCESS_STATE) == {(state,): float(state == "spare") for state in told.STATES["worker"]}


def test_a_file_holds_what_was_told_and_a_successor_begins_at_0_but_for_its_starts(tmp_path: Path) -> None:
    starts = []
    for _ in range(2):
        with telling(str(tmp_path), "worker-00", "worker"):
            meter.sampling(lambda: meter.put(told.OWNED, 4))
            meter.add(told.CONSUMED, 7, "3")
        (alive,) = files.living(files.folder(str(tmp_path)))
        starts.append(alive.starts)
        series = {(each.metric, each.labels): each.value for each in alive.series}
        assert series["login_records_consumed_total", ("3",)] == 7
        assert series["login_owned_partitions", ()] == 4
        assert alive.pid == os.getpid()

    assert starts == [1, 2]
    assert [path.name for path in files.folder(str(tmp_path)).iterdir()] == ["worker-00.json"]


def test_a_folder_that_cant_be_written_is_one_warning_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processor.metrics.telling._EVERY_SECONDS", 0.01)
    (tmp_path / "metrics").write_text("no folder")

    with telling(str(tmp_path), "worker-00", "worker"):
        time.sleep(0.1)

    assert [record.message for record in caplog.records] == ["can't write metrics: going on without"]


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    """The file of a process that is dead."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        born = proc.born(process.pid)
        process.kill()
    files.write(tmp_path, files.Told("worker-07", process.pid, born, 0, 1, 0, []))
    return tmp_path / "worker-07.json"


def test_a_dead_process_tells_nothing_and_its_file_is_kept_for_its_successor(dead: Path) -> None:
    assert list(files.living(dead.parent)) == []
    assert dead.exists()


def test_the_file_of_a_slot_that_no_longer_exists_goes(dead: Path) -> None:
    os.utime(dead, (0, 0))

    assert list(files.living(dead.parent)) == []
    assert not dead.exists()


def test_another_process_with_a_dead_ones_number_is_not_taken_for_it(tmp_path: Path) -> None:
    files.write(tmp_path, files.Told("worker-07", os.getpid(), proc.born(os.getpid()) - 1, 0, 1, 0, []))

    assert list(files.living(tmp_path)) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"process":1}', b"\xff"])
def test_a_file_that_cant_be_read_is_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "worker-00.json").write_bytes(content)

    assert list(files.living(tmp_path)) == []
    assert files.read(tmp_path / "worker-00.json") is None


def test_a_file_is_json_for_people(tmp_path: Path) -> None:
    with telling(str(tmp_path), "flusher", "flusher"):
        pass

    assert json.loads((tmp_path / "metrics" / "flusher.json").read_text())["process"] == "flusher"


def test_the_kernel_tells_of_a_process_and_nothing_of_one_that_is_gone(dead: Path) -> None:
    mine = os.getpid()

    assert proc.born(mine) > 0
    assert (proc.cpu_seconds(mine) or 0) > 0
    assert (proc.resident_bytes(mine) or 0) > 1_000_000
    assert (proc.open_files(mine) or 0) >= 3
    gone = json.loads(dead.read_text())["pid"]
    assert (proc.born(gone), proc.cpu_seconds(gone)) == (0, None)
    assert (proc.resident_bytes(gone), proc.open_files(gone)) == (None, None)


def test_only_histograms_have_buckets() -> None:
    assert {metric.kind for metric, _, _ in meter.histograms()} == {Kind.HISTOGRAM}
    assert Kind.HISTOGRAM not in {metric.kind for metric, _, _ in meter.numbers()}
