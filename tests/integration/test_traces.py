"""A real worker on a real Kafka tells a collector of its batches; one that is dead or slow costs it nothing."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from confluent_kafka import Producer
from msgspec.structs import replace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from deploy.local.ports import pick_free
from processor.settings import Settings, TracesSettings
from tests.pool import Account, bounds, eventually, messages, pool
from tests.scraping import Scrape, get

TRACE = bytes(range(16))


class Collector:
    """What was sent to it; while `answers` is clear, a request waits."""

    def __init__(self, port: int) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self.asked = threading.Event()
        self.answers = threading.Event()
        self.endpoint = f"http://127.0.0.1:{port}"

    def take(self, body: bytes) -> None:
        self.asked.set()
        self.answers.wait()
        request = ExportTraceServiceRequest.FromString(body)
        for one in request.resource_spans:
            self.services |= {a.value.string_value for a in one.resource.attributes if a.key == "service.instance.id"}
            self.spans += [span for scope in one.scope_spans for span in scope.spans]

    def named(self, start: str) -> list[Span]:
        return [span for span in list(self.spans) if span.name.startswith(start)]


@contextmanager
def collecting(answers: bool = True) -> Iterator[Collector]:
    """Listen on loopback, as an OpenTelemetry collector does."""
    port = pick_free(1)[0]
    collector = Collector(port)
    if answers:
        collector.answers.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.answers.set()
        server.shutdown()
        server.server_close()
        thread.join()


def traced(settings: Settings, endpoint: str) -> Settings:
    return replace(settings, traces=TracesSettings(endpoint=endpoint, ratio=1.0))


def feed_with_contexts(settings: Settings, account: Account, number: int) -> None:
    """Send logins as an application does that is traced: each from a span of its own."""
    producer = Producer(settings.kafka.client)
    for at in range(1, number + 1):
        key, value = account._login(10)
        header = f"00-{TRACE.hex()}-{at:016x}-01"
        producer.produce(settings.topics.input, value, key, at % 4, headers=[("traceparent", header.encode())])
    assert producer.flush(60) == 0


def extents(spans: list[Span]) -> list[tuple[int, int, int]]:
    """Each partition's share of each batch: partition, first offset, end."""
    events = [{a.key: a.value for a in event.attributes} for span in spans for event in span.events]
    names = ("data_processor.offset.first", "data_processor.offset.end")
    return sorted(
        (int(e["messaging.destination.partition.id"].string_value), *(e[name].int_value for name in names))
        for e in events
    )


def test_a_batch_and_its_producers_are_one_story_from_the_login_to_its_count(quick: Settings, tmp_path: Path) -> None:
    account = Account(quick, seed=11)
    with collecting() as collector, pool(traced(quick, collector.endpoint), tmp_path, 1):
        feed_with_contexts(quick, account, 40)
        account.feed(200, malformed=0.1)
        account.check()
        eventually("a count is told for each batch", lambda: counted(collector) and all_told(quick, collector))

    batches = collector.named(f"process {quick.topics.input}")
    linked = [(link.trace_id, int.from_bytes(link.span_id)) for span in batches for link in span.links]
    assert sorted(linked) == [(TRACE, at) for at in range(1, 41)]
    assert collector.services == {f"{quick.host}/worker-00"}
    assert {span.kind for span in batches} == {Span.SPAN_KIND_CONSUMER}
    told = [{a.key: a.value for a in span.attributes} for span in batches]
    assert {one["messaging.system"].string_value for one in told} == {"kafka"}
    assert {one["messaging.destination.name"].string_value for one in told} == {quick.topics.input}
    assert sum(one["messaging.batch.message_count"].int_value for one in told) == 240
    for span in batches:
        names = [child.name for child in collector.spans if child.parent_span_id == span.span_id]
        topics = quick.topics
        assert names[:4] == ["decode", f"send {topics.processed}", f"offsets {topics.input}", f"commit {topics.input}"]
        assert set(names[4:]) == {"count"}
    carried = [message.headers() for message in messages(quick, quick.topics.processed) if message.headers()]
    assert len(carried) == 40, "a processed record carries its login's context on, and none of ours"


def counted(collector: Collector) -> bool:
    batches = {span.span_id for span in collector.named("process ")}
    return bool(batches) and batches == {span.parent_span_id for span in collector.named("count")}


def all_told(settings: Settings, collector: Collector) -> bool:
    """Whether what was told covers each partition from its first record to its last, without a gap or an overlap."""
    reached: dict[int, int] = {}
    for partition, first, end in extents(collector.named("process ")):
        assert first == reached.get(partition, 0)
        reached[partition] = end
    return reached == {p: end for p, (_, end) in bounds(settings, settings.topics.input).items() if end}


@pytest.mark.parametrize("silent", [False, True], ids=["dead", "silent"])
def test_work_goes_on_without_a_collector_and_what_was_not_told_is_counted(
    quick: Settings, tmp_path: Path, silent: bool
) -> None:
    account = Account(quick, seed=12)
    with collecting(answers=False) as collector:
        endpoint = collector.endpoint if silent else f"http://127.0.0.1:{pick_free(1)[0]}"
        with pool(traced(quick, endpoint), tmp_path, 1) as running:
            running.start("exporter")
            account.feed(500)
            account.check()
            failed = eventually(
                "what was lost is counted",
                lambda: (
                    get(quick, "/healthz")[0] == 200 and Scrape(quick).sum("login_trace_spans_total", outcome="failed")
                ),
            )
            codes = running.stop("worker-00")
            log = running.log("worker-00").read_text()

    assert failed > 0
    assert codes == 0
    assert log.count("waiting: sending traces") == 1
    assert "Traceback" not in log
    assert collector.asked.is_set() == silent
