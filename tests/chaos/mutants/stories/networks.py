"""Requests that are lost on their way, or late."""

from confluent_kafka import Consumer, TopicPartition

from tests.chaos.frames import ApiKey
from tests.chaos.kafka_proxy import KafkaProxy, drop_request, drop_response
from tests.chaos.mutants.case import WORKER, Case
from tests.chaos.mutants.stories.story import catches
from tests.pool import eventually

SECONDS = 300.0  # at most, on a machine however busy


def _proxy(case: Case) -> KafkaProxy:
    assert case.proxy is not None
    return case.proxy


def _ends(case: Case, isolation: str) -> int:
    """The ends of processed-logins, all partitions' together, as a reader with this isolation level sees them."""
    consumer = Consumer({**case.settings.kafka.client, "group.id": "oracle", "isolation.level": isolation})
    topic = case.settings.topics.processed
    try:
        ends = [consumer.get_watermark_offsets(TopicPartition(topic, p), 10) for p in range(2)]
        return sum(end for _, end in ends)
    finally:
        consumer.close()


def _has_open_records(case: Case) -> bool:
    """Whether an open transaction has written some: the stable end, which is asked for last, lies before the end."""
    end = _ends(case, "read_uncommitted")
    return end > _ends(case, "read_committed")


@catches("remembers-its-place-after-an-abort", group="network")
def the_answer_to_a_commit_is_lost(case: Case) -> None:
    case.begin()
    lost = _proxy(case).on_request(ApiKey.END_TXN, drop_response)
    case.account.feed(100)
    assert lost.wait(SECONDS)


@catches("goes-on-after-an-abort", group="network")
def a_transactions_offsets_are_lost(case: Case) -> None:
    case.begin()
    lost = _proxy(case).on_request(ApiKey.ADD_OFFSETS_TO_TXN, drop_request)
    case.account.feed(100)
    assert lost.wait(SECONDS)
    case.says(WORKER, "waiting: writing transactions", "a transaction failed")
    case.account.feed(100)


@catches("keeps-its-producer", group="network")
def a_commit_arrives_a_second_time_within_the_next_transaction(case: Case) -> None:
    case.begin()
    late = _proxy(case).zombie(ApiKey.END_TXN)
    case.account.feed(100)
    assert late.caught(SECONDS)
    case.all_counted()
    # Not AddOffsetsToTxn: unanswered, it keeps the same connection's AddPartitionsToTxn, and so the records, waiting.
    held = _proxy(case).on_request(ApiKey.TXN_OFFSET_COMMIT, drop_request)
    case.account.feed(100, malformed=0)
    assert held.wait(SECONDS)
    # Some are enough: how many of the hundred are in the worker's first batch is its own affair.
    eventually("records of it are written", lambda: _has_open_records(case), SECONDS)
    late.deliver()
    case.kill(WORKER)
    _proxy(case).flow()
    case.start(WORKER)
