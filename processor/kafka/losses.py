"""Whether a producer's requests may have been sent twice: what its log and its statistics tell of lost connections."""

import logging
import re
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError
from msgspec import Struct, json

from processor.metrics.meter import put
from processor.metrics.told import SEND_QUEUE

# A connection that was never made has carried no request: a broker that is down is no reason to replace a producer.
_NEVER_MADE = re.compile(r"in state (TRY_CONNECT|CONNECT|SSL_HANDSHAKE)[,)]")
TOLD_BY_LOSSES = {KafkaError._TRANSPORT, KafkaError._RESOLVE, KafkaError._ALL_BROKERS_DOWN}


class Losses(logging.Logger):
    """Passes librdkafka's lines on to the log, and calls `disturbed` for each established connection that was lost.

    The error callback hears of none that the other end closed (rdkafka_broker.c hands it only what is logged as an
    error), and the statistics tell up to a second later: too late for an EndTxn that was sent again at once.
    """

    def __init__(self, onward: logging.Logger, disturbed: Callable[[], None]) -> None:
        super().__init__(onward.name)  # outside logging's tree: the other one's level decides
        self._onward = onward
        self.heard = 0  # so many losses until now
        self._disturbed = disturbed

    def log(self, level: int, msg: object, *args: object, **_more: Any) -> None:
        """Hear a line: its level, a format, and librdkafka's own name for its kind first."""
        if args[:1] == ("FAIL",) and not _NEVER_MADE.search(str(args[-1])):
            self.heard += 1
            self._disturbed()
        self._onward.log(level, msg, *args)


class _Broker(Struct):
    req_timeouts: int = 0
    disconnects: int = 0


class _Statistics(Struct):
    brokers: dict[str, _Broker] = {}
    msg_size: int = 0  # bytes in the queue


class Retries:
    """Watches librdkafka's statistics and calls `disturbed` when a request was given up on or a connection lost.

    Its log tells of the second loss of a kind only half a minute after the first. What the brokers answered with "try
    again", and was sent again for that (`txretries`), is no sign: back-to-back transactions do so all the time.
    """

    def __init__(self, disturbed: Callable[[], None]) -> None:
        self._disturbed = disturbed
        self._decode = json.Decoder(_Statistics).decode
        self._seen = 0

    def __call__(self, statistics: str) -> None:
        """Compare with the last look."""
        told = self._decode(statistics)
        put(SEND_QUEUE, told.msg_size)
        now = sum(broker.req_timeouts + broker.disconnects for broker in told.brokers.values())
        if now > self._seen:
            self._disturbed()
        self._seen = now
