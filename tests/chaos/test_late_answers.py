"""What answers that come too late do to a worker's source: nothing."""

# ruff: noqa: F401, F811 (fixtures are imported, and asked for by their names)

from time import monotonic

from processor.kafka.source import Source
from tests.chaos.frames import ApiKey
from tests.chaos.kafka_proxy import KafkaProxy, hold
from tests.chaos.test_kafka_proxy import broker, direct, proxied, proxy
from tests.clusters import RealCluster, Written, until

LATE_SECONDS = 1.0
TRIES_AGAIN_SECONDS = 0.5  # the client, after an answer that is outdated


def test_a_broker_slow_to_say_where_its_log_ends_has_no_record_skipped(
    direct: RealCluster,
    proxied: RealCluster,
    proxy: KafkaProxy,
) -> None:
    direct.feed([Written(0, b"k", b"%d" % n) for n in range(100)])
    proxy.on_request(ApiKey.LIST_OFFSETS, hold(LATE_SECONDS), times=10)
    source = proxied.source()
    until(lambda: source.poll(1, 0.05) or source.owned)

    source.seek(dict.fromkeys(source.owned, 0))

    seen = fed_meanwhile(direct, source, LATE_SECONDS + 3 * TRIES_AGAIN_SECONDS)
    assert seen == list(range(len(seen)))


def fed_meanwhile(direct: RealCluster, source: Source, seconds: float) -> list[int]:
    """The offsets that come from partition 0 while records are fed to it all the time, up to the last one."""
    seen: list[int] = []
    fed, deadline = 100, monotonic() + seconds
    while monotonic() < deadline:
        direct.feed([Written(0, b"k", b"%d" % fed)])
        fed += 1
        seen += offsets(source)
    until(lambda: seen.extend(offsets(source)) or seen[-1:] == [fed - 1])
    return seen


def offsets(source: Source) -> list[int]:
    return [message.offset() for message in source.poll(100, 0.05) if message.partition() == 0]
