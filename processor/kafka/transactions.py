"""What can be asked of a transaction that is open."""

from confluent_kafka import KafkaError, KafkaException, Producer


def refuse_failed(producer: Producer) -> None:
    """Raise what makes the open transaction impossible: the client says so only when asked to begin another one."""
    try:
        producer.begin_transaction()
    except KafkaException as problem:
        if problem.args[0].code() != KafkaError._STATE:  # that one is open is as it should be
            raise
