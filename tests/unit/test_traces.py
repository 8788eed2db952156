"""What a watched worker tells of its batches; and that one that is not watched has no part in it."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import db_attributes, error_attributes, messaging_attributes
from opentelemetry.trace import StatusCode

from processor.counts.store import Applied, Conflict, Move
from processor.errors import Exit, Unavailable
from processor.kafka.client import Verdict
from processor.logins.batch import Batch, Part
from processor.logins.headers import Headers
from processor.logins.records import Rejected
from processor.metrics import meter, told
from processor.settings import Settings, TracesSettings
from processor.traces import begin, sending
from processor.traces.contexts import Context, producers, read
from processor.traces.spans import Spans, tracer
from processor.traces.watched import Watched
from tests.pool import eventually
from tests.stack import ROOT
from tests.twins.record import MemoryRecord

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRETS = ("alice-the-user", "10.1.2.3", "device-7")
# A process where OpenTelemetry is not installed: any import of it fails.
BARE = "import sys; sys.modules['opentelemetry'] = None; "


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    meter.begin((told.TRACE_SPANS,), ("",))
    yield
    meter.begin((), ("",))


def traceparent(span: int, flags: str = "01") -> Headers:
    return [("other", None), ("traceparent", f"00-{TRACE}-{span:016x}-{flags}".encode())]


def batch(first: int, size: int, partition: int = 0, headers: Sequence[Headers | None] | None = None) -> Batch:
    user, ip, device = SECRETS
    value = f'{{"user_id":"{user}","ip":"{ip}","device_id":"{device}"}}'.encode()
    records = [MemoryRecord((partition, at), user.encode(), value) for at in range(first, first + size)]
    users: list[str | Rejected] = [user] * (size - 1)
    bad = Rejected("json", f"{ip} is no JSON")
    return Batch(Part(partition, records, first + size), [*users, bad], [None] * size, [value] * size, headers, 1, 0)


class Output:
    """Writes nothing, and tells its phases as the real one."""

    def __init__(self, problem: Unavailable | None = None) -> None:
        self.phases: Any = None
        self._problem = problem

    def ready(self) -> None:
        pass

    def write(self, *_: object) -> None:
        phases = self.phases()
        phases.over("produce")
        if self._problem:
            phases.failed(Verdict.ABORT)
            raise self._problem
        phases.over("offsets")
        phases.committed()


class Store:
    """Answers applies as it is told."""

    def __init__(self, *answers: Applied | Conflict | Unavailable) -> None:
        self._answers = list(answers)

    def cursors(self) -> list[dict[int, int]]:
        return []

    def apply(self, *_: object) -> Applied | Conflict:
        answer = self._answers.pop(0)
        if isinstance(answer, Unavailable):
            raise answer
        return answer


class Scene:
    """A worker's parts, watched; `worked` is one turn over these batches, `counted` an apply, told in the next."""

    def __init__(self, ratio: float = 1.0, shards: int = 1) -> None:
        self.seen = InMemorySpanExporter()
        settings = Settings(traces=TracesSettings(endpoint="http://127.0.0.1:1", ratio=ratio))
        processor = SimpleSpanProcessor(self.seen)
        self.watched = Watched(Spans(tracer(settings, "worker-00", processor), settings, "client"), processor, shards)

    def worked(self, *batches: Batch, problem: Unavailable | None = None) -> None:
        written = self.watched.writing(Output(problem))  # type: ignore[arg-type]
        made = iter(batches)
        judge = self.watched.judging(lambda _: next(made))

        def turn() -> None:
            judged = [judge(one.part) for one in batches]
            if judged:
                written.write(judged, {}, None)

        with suppress(Unavailable):  # as a worker handles it: by going back
            self.watched.turning(turn)()

    def counted(self, *moves: Move, answer: Applied | Conflict | Unavailable, shard: int = 0) -> None:
        store = self.watched.applying(Store(answer))
        with suppress(Unavailable):
            store.apply(shard, moves, {"alice-the-user": 2})
        self.worked()

    def spans(self, name: str = "") -> list[ReadableSpan]:
        return [span for span in self.seen.get_finished_spans() if span.name.startswith(name)]


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    return span.attributes or {}


def test_a_batch_is_a_span_with_a_child_for_each_phase_in_order() -> None:
    scene = Scene()

    scene.worked(batch(100, 20), batch(120, 10))

    (whole,) = scene.spans("process user-login")
    children = [span for span in scene.spans() if span.parent and span.parent.span_id == whole.context.span_id]
    assert [span.name for span in children] == [
        "decode",
        "send processed-logins",
        "offsets user-login",
        "commit user-login",
    ]
    times = [at for span in children for at in (span.start_time, span.end_time)]
    assert times == sorted(times)
    assert (whole.start_time, whole.end_time) == (times[0], times[-1])
    assert attributes(whole) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "user-login",
        "messaging.destination.partition.id": "0",
        "messaging.consumer.group.name": "data-processor",
        "messaging.client.id": "client",
        "messaging.batch.message_count": 30,
        "data_processor.offset.first": 100,
        "data_processor.offset.end": 130,
        "data_processor.dead_letters": 2,
    }


def test_of_several_partitions_each_has_an_event_with_its_extent() -> None:
    scene = Scene()

    scene.worked(batch(5, 2, partition=1), batch(9, 3, partition=4))

    (whole,) = scene.spans("process")
    told = [(e.attributes or {}) for e in whole.events]
    extents = [(e["messaging.destination.partition.id"], e["data_processor.offset.first"]) for e in told]
    assert extents == [("1", 5), ("4", 9)]
    assert "messaging.destination.partition.id" not in attributes(whole)
    assert attributes(whole)["messaging.batch.message_count"] == 5


def test_no_span_says_anything_of_a_login() -> None:
    scene = Scene()

    scene.worked(batch(0, 5, headers=[[("alice-the-user", b"10.1.2.3")]] * 5))
    scene.counted(Move(0, 0, 5), answer=Applied())
    scene.worked(batch(5, 5), problem=Unavailable("the broker lost device-7 of alice-the-user"))

    text = "".join(span.to_json() for span in scene.spans())
    assert not [secret for secret in SECRETS if secret in text]


def test_every_name_in_the_conventions_namespaces_is_one_of_theirs() -> None:
    known = {
        value
        for module in (messaging_attributes, db_attributes, error_attributes)
        for value in vars(module).values()
        if isinstance(value, str)
    }
    scene = Scene()

    scene.worked(batch(0, 5))
    scene.counted(Move(0, 0, 5), answer=Applied())
    scene.worked(batch(5, 5), problem=Unavailable("away"))

    used = {name for span in scene.spans() for name in attributes(span)}
    assert {name for name in used if not name.startswith("data_processor.")} <= known
    assert "error.type" in used


def test_a_batch_links_to_its_producers_once_each() -> None:
    scene = Scene()

    scene.worked(batch(0, 3, headers=[traceparent(7), None, traceparent(7)]), batch(3, 1, headers=[traceparent(9)]))

    (whole,) = scene.spans("process")
    assert [(link.context.trace_id, link.context.span_id) for link in whole.links] == [
        (int(TRACE, 16), 7),
        (int(TRACE, 16), 9),
    ]
    assert whole.parent is None


def test_links_are_bounded_and_none_leads_to_what_nobody_records() -> None:
    many = batch(0, 1000, headers=[traceparent(at + 1, "00" if at % 2 else "01") for at in range(1000)])

    found = producers([many], 128)

    assert [context.span for context in found] == list(range(1, 257, 2))


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"00",
        f"00-{TRACE.upper()}-{SPAN}-01".encode(),
        f"ff-{TRACE}-{SPAN}-01".encode(),
        f"00-{TRACE}-{SPAN}-01-more".encode(),
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"00-{TRACE}-{SPAN}-01\n".encode(),
    ],
)
def test_what_is_no_traceparent_is_none(header: bytes | None) -> None:
    assert read(header) is None


def test_a_later_versions_traceparent_is_read() -> None:
    assert read(f"01-{TRACE}-{SPAN}-03-more".encode()) == Context(int(TRACE, 16), int(SPAN, 16), 3)


@given(st.binary(max_size=80))
def test_a_producers_header_may_be_anything(header: bytes) -> None:
    assert read(header) is None


def test_a_failed_transaction_says_which_phase_failed_and_how() -> None:
    scene = Scene()

    scene.worked(batch(0, 5), problem=Unavailable("away"))

    failed = [span.name for span in scene.spans() if span.status.status_code is StatusCode.ERROR]
    assert failed == ["offsets user-login", "process user-login"]
    assert {attributes(span)["error.type"] for span in scene.spans() if span.name in failed} == {"Unavailable"}


def test_an_apply_is_told_below_each_batch_that_it_counted_and_below_no_other() -> None:
    scene = Scene()
    scene.worked(batch(0, 5))
    scene.worked(batch(5, 5))
    scene.worked(batch(10, 5))

    scene.counted(Move(0, 0, 10), answer=Applied())

    first, second, _ = scene.spans("process")
    counts = scene.spans("count")
    assert [span.parent.span_id for span in counts if span.parent] == [first.context.span_id, second.context.span_id]
    assert [attributes(span)["data_processor.transactions"] for span in counts] == [2, 2]


def test_an_apply_is_told_once_unless_it_is_repeated() -> None:
    scene = Scene(shards=2)
    scene.worked(batch(0, 5))

    scene.counted(Move(0, 0, 5), answer=Unavailable("away"))
    scene.counted(Move(0, 0, 5), answer=Conflict({0: 5}))  # an earlier try did it
    scene.counted(Move(0, 0, 5), answer=Applied())
    scene.counted(Move(0, 0, 5), answer=Applied(), shard=1)
    scene.counted(Move(0, 5, 5), answer=Applied())  # idle

    said = [
        (attributes(one)["data_processor.shard"], attributes(one).get("error.type")) for one in scene.spans("count")
    ]
    assert said == [(0, "Unavailable"), (0, None), (1, None)]


def test_what_was_not_counted_because_the_worker_goes_back_is_forgotten() -> None:
    scene = Scene()
    scene.worked(batch(0, 5))

    scene.counted(Move(0, 0, 5), answer=Conflict({0: 2}))
    scene.counted(Move(0, 0, 5), answer=Applied())

    assert [attributes(span)["error.type"] for span in scene.spans("count")] == ["conflict"]


def test_of_a_batch_that_is_not_sampled_nothing_is_told() -> None:
    scene = Scene(ratio=0.0)

    scene.worked(batch(0, 5, headers=[traceparent(1)] * 5))
    scene.counted(Move(0, 0, 5), answer=Applied())

    assert scene.spans() == []


class Collector(SpanExporter):
    """Answers when it is let, with what it is told."""

    def __init__(self, answer: SpanExportResult) -> None:
        self.may_answer = Event()
        self._answer = answer

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002
        self.may_answer.wait()
        return self._answer


@pytest.mark.parametrize(
    ("answer", "outcome"), [(SpanExportResult.SUCCESS, "sent"), (SpanExportResult.FAILURE, "failed")]
)
def test_a_collector_that_never_answers_holds_nobody_up_and_what_is_lost_is_counted(
    monkeypatch: pytest.MonkeyPatch, answer: SpanExportResult, outcome: str
) -> None:
    monkeypatch.setattr(sending, "_WAITING_SPANS", 10)
    monkeypatch.setattr(sending, "_EVERY_SECONDS", 0.01)
    collector = Collector(answer)
    sends = sending.Sending(collector, "http://127.0.0.1:1")
    made = tracer(Settings(traces=TracesSettings(ratio=1.0)), "worker-00", sends)

    for _ in range(600):
        made.start_span("one").end()

    lost = counted("overflow")
    assert lost >= 600 - 10 - 512
    collector.may_answer.set()
    eventually("what it answered is counted", lambda: counted(outcome))
    sends.shutdown()


def counted(outcome: str) -> float:
    return {labels[0]: value for metric, labels, value in meter.numbers() if metric is told.TRACE_SPANS}[outcome]


def test_off_a_workers_parts_stay_as_they_are() -> None:
    traces = begin.begin(Settings(), "worker-00", "client")
    judge, output, store, turn = (object() for _ in range(4))

    assert traces.judging(judge) is judge  # type: ignore[arg-type]
    assert traces.writing(output) is output  # type: ignore[arg-type]
    assert traces.applying(store) is store  # type: ignore[arg-type]
    assert traces.turning(turn) is turn  # type: ignore[arg-type]
    traces.end()


@pytest.mark.parametrize(
    "part", ["worker", "counting", "logins/judge", "logins/process", "kafka/output", "kafka/source"]
)
def test_what_handles_records_knows_nothing_of_traces(part: str) -> None:
    tree = ast.parse((ROOT / "processor" / f"{part}.py").read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert [name for name in names if "trace" in name.lower()] == []


def test_off_a_worker_needs_nothing_of_opentelemetry_and_loads_nothing_that_watches() -> None:
    code = "import processor.slot; from processor.traces.begin import begin; from processor.settings import Settings; "
    off = (
        "begin(Settings(), 'worker-00', 'client'); print(*(m for m in sys.modules if m.startswith('processor.traces')))"
    )

    done = subprocess.run([sys.executable, "-c", BARE + code + off], capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) == {"processor.traces", "processor.traces.begin"}


def test_a_worker_that_shall_be_watched_without_the_extra_says_so_in_one_line(tmp_path: Path) -> None:
    code = "from processor.cli.processes import run; sys.exit(run('worker', ['--slot', '0'], None))"
    given = {"TRACES_ENDPOINT": "http://127.0.0.1:4318", "RUN_DIRECTORY": str(tmp_path)}
    environment = os.environ | {f"DATA_PROCESSOR_{name}": value for name, value in given.items()}

    done = subprocess.run(
        [sys.executable, "-c", BARE + code], env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == Exit.USAGE
    (line,) = done.stderr.splitlines()
    assert "traces.endpoint is set, " in line
    assert " is not installed here: pip install 'data-processor[traces]'" in line


@pytest.mark.parametrize(
    ("endpoint", "where"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
        ("https://collector.example/otlp/v1/traces", "https://collector.example/otlp/v1/traces"),
    ],
)
def test_spans_go_to_otlps_usual_path_unless_one_is_given(endpoint: str, where: str) -> None:
    assert begin.url(endpoint) == where
