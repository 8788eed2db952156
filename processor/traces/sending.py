"""Sends spans to a collector, in a thread of its own: one that is slow or dead costs spans, which are counted."""

import logging
from queue import Empty, Full, Queue
from threading import Event, Thread

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from processor.errors import Unavailable
from processor.metrics.meter import add
from processor.metrics.told import TRACE_SPANS
from processor.outage import Outage

_WAITING_SPANS = 4_096  # some megabytes
_TOGETHER_SPANS = 512
_EVERY_SECONDS = 1.0
_LAST_SECONDS = 1.0  # for what waits when the process ends


class Sending(SpanProcessor):
    """Takes spans that ended, and never keeps whoever made them waiting."""

    def __init__(self, exporter: SpanExporter, where: str) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it says so for each try; Outage says it once
        self._exporter = exporter
        self._where = where
        self._waiting: Queue[ReadableSpan] = Queue(_WAITING_SPANS)
        self._outage = Outage("sending traces")
        self._ended = Event()
        self._thread = Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Have it sent, or drop it where too many wait."""
        try:
            self._waiting.put_nowait(span)
        except Full:
            add(TRACE_SPANS, 1, "overflow")

    def shutdown(self) -> None:
        """Send what waits, unless that takes too long."""
        self._ended.set()
        self._thread.join(_LAST_SECONDS)

    def _run(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self._send_all()
        self._send_all()

    def _send_all(self) -> None:
        while self._outage.over and (some := self._take()):
            self._send(some)

    def _take(self) -> list[ReadableSpan]:
        taken: list[ReadableSpan] = []
        try:
            while len(taken) < _TOGETHER_SPANS:
                taken.append(self._waiting.get_nowait())
        except Empty:
            pass
        return taken

    def _send(self, spans: list[ReadableSpan]) -> None:
        if self._exporter.export(spans) is SpanExportResult.SUCCESS:
            add(TRACE_SPANS, len(spans), "sent")
            self._outage.ended()
        else:
            add(TRACE_SPANS, len(spans), "failed")
            self._outage.failed(Unavailable(f"the collector at {self._where} takes no spans: is it there, and well?"))
