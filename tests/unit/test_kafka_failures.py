"""What the Kafka client's errors mean to us."""

import pytest
from confluent_kafka import KafkaError

from processor.errors import ClientFailed, DataProcessorError, Fenced
from processor.kafka.client import failure, is_final

# As librdkafka 2.16 words what a static member's consumer answers after another one took its place.
TAKEN = "Fatal error: Broker: Static consumer fenced by other consumer with same group.instance.id: Fatal: …"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KafkaError(KafkaError.FENCED_INSTANCE_ID), Fenced),
        (KafkaError(KafkaError._FATAL, TAKEN), Fenced),
        (KafkaError(KafkaError._FATAL, "Fatal error: Local: Something of its own"), ClientFailed),
    ],
)
def test_a_fenced_process_is_told_apart_from_a_failed_client(error: KafkaError, kind: type[DataProcessorError]) -> None:
    assert is_final(error)
    assert type(failure(error, "reading")) is kind
