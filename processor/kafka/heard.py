"""Why a broker can't be reached: a call that times out does not say, but its client heard."""

from confluent_kafka import KafkaError

from processor.errors import DataProcessorError, Unavailable
from processor.kafka.client import LOGIN, failure, is_final
from processor.kafka.handshake import why
from processor.settings import Settings

_ADVICE = {
    KafkaError._SSL: "check the certificates and the other settings kafka.ssl.…, and kafka.security.protocol",
    KafkaError._RESOLVE: "check kafka.bootstrap.servers",
}
_OTHERWISE = "check kafka.bootstrap.servers and kafka.security.protocol, and whether the brokers run"


class Heard:
    """What a client's `error_cb` was told since `forget`."""

    def __init__(self, settings: Settings) -> None:
        self._client = settings.kafka.client
        self._servers = settings.kafka.client.get("bootstrap.servers")
        self._last: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        """Remember it, unless it only sums up the others."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._last = error

    def forget(self) -> None:
        """What was heard until now explains nothing that follows."""
        self._last = None

    def explain(self, problem: Unavailable) -> DataProcessorError:
        """The problem with its cause, where it is, and what to do; a refused login is one only while we run."""
        if self._last is not None and (is_final(self._last) or self._last.code() in LOGIN):
            return failure(self._last, f"reaching {self._servers}")
        if found := why(self._client):
            return Unavailable(found)
        if self._last is None:
            return problem
        advice = _ADVICE.get(self._last.code(), _OTHERWISE)
        return Unavailable(f"Kafka at {self._servers} can't be reached: {self._last.str()}: {advice}")
