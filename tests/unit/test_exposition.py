"""What is known becomes what Prometheus reads, and whatever asks for it, however, is kept within bounds."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http import HTTPStatus
from threading import Thread
from time import monotonic

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from deploy.local.ports import pick_free
from processor.errors import ConfigurationError, Unavailable
from processor.exporter.admission import Admission
from processor.exporter.asking import Answer, Asking
from processor.exporter.collector import Exposition
from processor.exporter.server import Server
from processor.exporter.view import Sample, View, samples
from processor.metrics import told
from processor.metrics.files import Series, Told
from processor.metrics.metric import Kind
from processor.metrics.table import TABLE
from processor.settings import ExporterSettings

BUILD = ("1", "3", "2", "vm", "pool")


def view(*series: Series) -> View:
    process = Told("worker-00", 1, 1, 5.0, 2, 3.0, list(series))
    return View([process], Answer(), Answer(), Answer(), ready=False, build=BUILD)


def every() -> list[Sample]:
    """A value of each declared metric."""
    return [
        (m, tuple("x" for _ in m.labels), [1.0] * (len(m.bounds) + 1) + [2.5] if m.kind is Kind.HISTOGRAM else 1.0)
        for m in TABLE.values()
    ]


@pytest.mark.parametrize(
    ("accept", "parse"), [("text/plain", plain), ("application/openmetrics-text; version=1.0.0", openmetrics)]
)
def test_every_metric_is_written_under_its_name(accept: str, parse: object) -> None:
    _, text = Exposition(every).answer(accept)

    found = [sample for family in parse(text.decode()) for sample in family.samples]  # type: ignore[operator]

    names = {sample.name for sample in found}
    assert {n if m.kind is not Kind.HISTOGRAM else f"{n}_bucket" for n, m in TABLE.items()} <= names
    for sample in found:
        metric = TABLE.get(sample.name) or TABLE[sample.name.rpartition("_")[0]]
        assert set(sample.labels) - {"le"} == set(metric.labels)


def test_the_buckets_of_a_histogram_add_up() -> None:
    counts = [2.0, 3.0] + [0.0] * (len(told.APPLY_SECONDS.bounds) - 2) + [4.0, 99.5]
    _, text = Exposition(lambda: [(told.APPLY_SECONDS, ("worker-00",), counts)]).answer("")

    found = {(s.name, s.labels.get("le")): s.value for f in plain(text.decode()) for s in f.samples}

    assert found["login_redis_apply_seconds_bucket", "0.005"] == 2
    assert found["login_redis_apply_seconds_bucket", "0.01"] == 5
    assert found["login_redis_apply_seconds_bucket", "+Inf"] == found["login_redis_apply_seconds_count", None] == 9
    assert found["login_redis_apply_seconds_sum", None] == 99.5


def test_what_many_ask_for_at_once_is_written_once() -> None:
    asked: list[int] = []

    def know() -> list[Sample]:
        asked.append(1)
        return every()

    exposition = Exposition(know)
    texts = {exposition.answer("text/plain") for _ in range(50)}

    assert (len(asked), len(texts)) == (1, 1)


@pytest.mark.parametrize(
    "series",
    [
        Series("login_of_tomorrow_total", (), 1.0),
        Series("login_records_consumed_total", (), 1.0),
        Series("login_records_consumed_total", ("0",), [1.0]),
        Series("login_redis_apply_seconds", (), 1.0),
        Series("login_redis_apply_seconds", (), [1.0, 2.0]),
        Series("login_partition_end_offset", ("0",), 1.0),
    ],
)
def test_what_a_process_of_another_version_tells_otherwise_is_left_out(series: Series) -> None:
    with_it, without = list(samples(view(series))), list(samples(view()))

    assert with_it == without


def test_what_nobody_answered_is_absent() -> None:
    names = {metric.name for metric, _, _ in samples(view())}

    assert not names & {"login_partition_lag_seconds", "login_shard_users", "login_supervised_process_state"}
    assert "login_system_look_timestamp_seconds" not in names


def test_an_answer_that_fails_takes_away_the_last_one_but_not_when_it_was() -> None:
    answers = iter([7])

    def ask() -> int:
        for answer in answers:
            return answer
        raise Unavailable("away")

    asking = Asking("kafka", 0.001, ask)
    asking.start()
    deadline = monotonic() + 30
    while not (asking.answer.at and asking.answer.value is None) and monotonic() < deadline:
        asking.looked.wait(0.01)
    asking.end(5)

    assert asking.answer.value is None
    assert asking.answer.at > 0


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("processor.exporter.server._CONNECTIONS", 4)
    monkeypatch.setattr("processor.exporter.server._SECONDS", 1.0)
    made = Server(
        "127.0.0.1",
        pick_free(1)[0],
        {"/page": lambda _: (HTTPStatus.OK, "text/plain", b"here")},
        Admission(ExporterSettings()),
    )
    thread = Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def said(server: Server, request: bytes) -> bytes:
    """All that it answers until it closes the connection."""
    with closing(socket.create_connection(server.server_address[:2], 10)) as connection:
        connection.sendall(request)
        answer = b""
        while more := connection.recv(4096):
            answer += more
        return answer


def test_a_page_is_answered_and_anything_else_is_refused(server: Server) -> None:
    assert said(server, b"GET /page?x=1 HTTP/1.1\r\n\r\n").endswith(b"\r\n\r\nhere")
    assert b"\r\n\r\n" in (head := said(server, b"HEAD /page HTTP/1.1\r\n\r\n"))
    assert not head.endswith(b"here")
    assert b" 404 " in said(server, b"GET /../etc/passwd HTTP/1.1\r\n\r\n")
    assert b" 501 " in said(server, b"POST /page HTTP/1.1\r\n\r\n")
    assert b" 400 " in said(server, b"nonsense is this\r\n\r\n")
    assert b" 431 " in said(server, b"GET /page HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n")


def test_connections_that_say_nothing_make_room_for_one_that_does(server: Server) -> None:
    with ExitStack() as silent:
        for _ in range(20):
            silent.enter_context(closing(socket.create_connection(server.server_address[:2], 10)))

        assert said(server, b"GET /page HTTP/1.1\r\n\r\n").endswith(b"here")
        assert len(server._open) <= 4


def test_a_connection_that_says_a_little_now_and_then_is_cut_off(server: Server) -> None:
    with closing(socket.create_connection(server.server_address[:2], 10)) as slow:
        slow.settimeout(0.1)
        ended = False
        deadline = monotonic() + 30
        while not ended and monotonic() < deadline:
            try:
                slow.sendall(b"x")
                ended = slow.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True

    assert ended


def test_a_port_that_is_taken_is_a_line_that_names_the_setting(server: Server) -> None:
    with pytest.raises(ConfigurationError, match=r"exporter\.port: can't listen on 127\.0\.0\.1 port"):
        Server("127.0.0.1", server.server_address[1], {}, Admission(ExporterSettings()))
