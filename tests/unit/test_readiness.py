"""Ready is a VM whose workers all get on, or have nothing to do."""

import pytest

from processor.exporter.pool import KafkaView, Partition, Place
from processor.exporter.readiness import hindrances
from processor.metrics.files import Series, Told

NOW = 1000.0
PATIENCE = 30.0


def worker(state: str = "working", at: float = NOW, stopped: float = 0.0, **progress: float) -> Told:
    series = [Series("login_process_state", (state,), 1.0), Series("login_process_state", ("starting",), 0.0)]
    series.append(Series("login_stopped_partitions", (), stopped))
    series += [Series("login_last_progress_timestamp_seconds", (p.strip("p"),), t) for p, t in progress.items()]
    return Told("worker-00", 1, 1, at, 1, 0.0, series)


def kafka(lag: float | None) -> KafkaView:
    return KafkaView("", 0, {0: Partition(0, 10, {"committed": Place(9, lag)})})


@pytest.mark.parametrize(
    "told",
    [
        worker(p0=NOW),
        worker(p0=NOW - PATIENCE),
        worker("spare"),
        worker(at=NOW - 9, p0=NOW),
    ],
)
def test_a_worker_that_gets_on_or_is_spare_is_ready(told: Told) -> None:
    assert hindrances([told], kafka(60.0), PATIENCE, NOW) == []


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (worker("waiting"), "worker-00 is waiting"),
        (worker("stopping"), "worker-00 is stopping"),
        (worker(at=NOW - 11), "worker-00 has said nothing for 11 s"),
        (worker(p0=NOW - 31), "worker-00 has not got on with partition 0 for 31 s"),
        (worker(stopped=1.0), "worker-00 has a partition that the breaker stopped: see `data-processor status`"),
    ],
)
def test_one_that_does_not_is_named_with_the_reason(told: Told, said: str) -> None:
    assert hindrances([told], kafka(60.0), PATIENCE, NOW) == [said]


def test_a_partition_without_logins_may_stand_still() -> None:
    assert hindrances([worker(p0=0.0)], kafka(0.0), PATIENCE, NOW) == []


@pytest.mark.parametrize("answer", [None, kafka(None)])
def test_where_kafka_does_not_tell_standing_still_is_no_progress(answer: KafkaView | None) -> None:
    assert hindrances([worker(p0=0.0)], answer, PATIENCE, NOW)


def test_a_vm_without_workers_is_not_ready() -> None:
    flusher = Told("flusher", 1, 1, NOW, 1, 0.0, [])

    assert hindrances([flusher], kafka(0.0), PATIENCE, NOW) == ["no worker runs here"]
