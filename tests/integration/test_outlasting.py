"""Real workers outlast what stands in their way for long: a Kafka that is away, and a queue smaller than a batch."""

import time
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from deploy.local.servers import Broker
from processor.settings import Settings
from tests.pool import Account, eventually, pool


def test_a_kafka_that_is_away_for_longer_than_a_stall_ends_no_worker(
    quick: Settings, kafka: Broker, tmp_path: Path
) -> None:
    short = structs.replace(quick, worker=structs.replace(quick.worker, stall_seconds=3.0))
    account = Account(short, 1)
    with pool(short, tmp_path, workers=1) as running:
        account.feed(500)
        eventually("everything at rest", account.settled)
        kafka.kill()
        time.sleep(12)  # a stall, and the time in which the question for the log's end is given up
        kafka.start()
        account.feed(500)
        account.check()
        assert running.starts["worker-00"] == 1
        assert running.running["worker-00"].poll() is None


@pytest.mark.parametrize("bound", [{"queue.buffering.max.messages": 500}, {"queue.buffering.max.kbytes": 20}])
def test_a_batch_larger_than_the_producers_queue_goes_through(
    quick: Settings, tmp_path: Path, bound: dict[str, Any]
) -> None:
    kafka = structs.replace(quick.kafka, producer=bound)
    narrow = structs.replace(quick, kafka=kafka)
    account = Account(narrow, 1)
    account.feed(5_000, partition=0)
    with pool(narrow, tmp_path, workers=1) as running:
        account.check()
        said = running.log("worker-00").read_text()
        assert "producer replaced" not in said
        assert "waiting: writing transactions" not in said
