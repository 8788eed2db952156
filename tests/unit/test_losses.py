"""Which of librdkafka's lines mean that a request may have been sent twice."""

import json
import logging

import pytest

from processor.kafka.losses import Losses, Retries

AT = "[thrd:10.0.0.1:9092/1]: 10.0.0.1:9092/1"
FORMAT = "%s [%s] %s"  # as the client hands a line on


class Counted:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def heard(level: int, kind: str, text: str) -> int:
    disturbed = Counted()
    Losses(logging.getLogger("nobody-listens"), disturbed).log(level, FORMAT, kind, "vm-1#producer-1", f"{AT}: {text}")
    return disturbed.times


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING, logging.ERROR])
@pytest.mark.parametrize(
    "text",
    [
        "Disconnected (after 338060ms in state UP)",
        "Receive failed: Connection reset by peer (after 12ms in state UP, 1 identical error(s) suppressed)",
        "1 request(s) timed out: disconnect (average rtt 3ms) (after 60000ms in state UP)",
        "Disconnected while requesting ApiVersion (after 1ms in state APIVERSION_QUERY)",
        "Something that no version of the client has said so far",
    ],
)
def test_a_connection_that_was_lost_disturbs_at_whatever_level(level: int, text: str) -> None:
    assert heard(level, "FAIL", text) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Connect to ipv4#10.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
        "Connect to ipv4#10.0.0.1:9092 failed: refused (after 0ms in state CONNECT, 9 identical error(s) suppressed)",
        "Connection setup timed out in state CONNECT (after 30030ms in state CONNECT, 1 identical error(s) suppressed)",
        "Failed to resolve 'kafka-1:9092' (after 1ms in state TRY_CONNECT)",
        "SSL handshake failed (after 5ms in state SSL_HANDSHAKE)",
    ],
)
def test_a_connection_that_was_never_made_carried_nothing(text: str) -> None:
    assert heard(logging.ERROR, "FAIL", text) == 0


def test_other_lines_are_only_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "nobody-listens"):
        assert heard(logging.INFO, "GETPID", "Failed to acquire transactional PID (after 1ms in state UP)") == 0
    assert "GETPID [vm-1#producer-1]" in caplog.text


def told(*looks: dict[str, int]) -> int:
    disturbed = Counted()
    retries = Retries(disturbed)
    for broker in looks:
        retries(json.dumps({"brokers": {"10.0.0.1:9092/1": broker, "10.0.0.2:9092/2": {}}}))
    return disturbed.times


def test_statistics_tell_of_each_new_loss_once() -> None:
    lost = {"disconnects": 1, "req_timeouts": 0}
    assert told(lost, lost, lost | {"req_timeouts": 1}) == 2


def test_a_request_that_a_broker_had_answered_with_try_again_is_no_loss() -> None:
    assert told({"txretries": 1}, {"txretries": 40}) == 0
