"""Turns and applies as OpenTelemetry's spans, named by its conventions for messaging; never a user, an ip or a login.

Spans are made after the fact: while a turn goes on nothing is asked of OpenTelemetry.
"""

from collections.abc import Mapping
from importlib.metadata import version

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    set_span_in_context,
)

from processor.settings import Settings
from processor.traces.contexts import producers
from processor.traces.turn import Apply, Extent, Lap, Turn, extents

_LINKS = 128  # a span; more would be dropped anyway, by OpenTelemetry's default

_PARTITION = "messaging.destination.partition.id"
_RECORDS = "messaging.batch.message_count"


def tracer(settings: Settings, process: str, processor: SpanProcessor) -> Tracer:
    """Where spans are made: of so many traces as the settings say; they end in `processor`."""
    said = {
        "service.name": "data-processor",
        "service.namespace": settings.group,
        "service.instance.id": f"{settings.host}/{process}",
        "service.version": version("data-processor"),
    }
    sampler = ParentBased(TraceIdRatioBased(settings.traces.ratio))
    provider = TracerProvider(sampler=sampler, resource=Resource.create(said), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider.get_tracer("processor", said["service.version"])


class Spans:
    """Makes the spans of one worker."""

    def __init__(self, made: Tracer, settings: Settings, client_id: str) -> None:
        self._tracer = made
        topics = settings.topics
        self._input = topics.input
        self._attributes: Mapping[str, str] = {
            **_operation("process", "process", topics.input),
            "messaging.consumer.group.name": settings.group,
            "messaging.client.id": client_id,
        }
        self._phases: Mapping[str, tuple[str, SpanKind, Mapping[str, str]]] = {
            "decode": ("decode", SpanKind.INTERNAL, {}),
            "produce": _calling("send", "send", topics.processed),
            "offsets": _calling("offsets", "settle", topics.input),
            "commit": _calling("commit", "settle", topics.input),
        }

    def turn(self, turn: Turn) -> SpanContext | None:
        """A span for a turn's transaction, one below it for each phase; None where this one is not recorded."""
        began, ended = turn.laps[0].began, turn.laps[-1].ended
        span = self._tracer.start_span(f"process {self._input}", kind=SpanKind.CONSUMER, start_time=began)
        if not span.is_recording():
            return None
        for context in producers(turn.batches, _LINKS):
            flags = TraceFlags(context.flags)
            span.add_link(SpanContext(context.trace, context.span, is_remote=True, trace_flags=flags))
        self._describe(span, extents(turn.batches), began)
        for lap in turn.laps:
            self._phase(span.get_span_context(), lap, turn.problem if lap is turn.laps[-1] else "")
        _end(span, turn.problem, ended)
        return span.get_span_context()

    def _describe(self, span: Span, taken: Mapping[int, Extent], began: int) -> None:
        """Of one partition, the span itself tells the extent; of several, an event each."""
        span.set_attributes({**self._attributes, _RECORDS: sum(one.records for one in taken.values())})
        for partition, one in taken.items():
            told: dict[str, str | int] = {
                _PARTITION: str(partition),
                _RECORDS: one.records,
                "data_processor.offset.first": one.first,
                "data_processor.offset.end": one.end,
                "data_processor.dead_letters": one.rejected,
            }
            span.add_event("partition", told, began)
            if len(taken) == 1:
                span.set_attributes(told)

    def _phase(self, parent: SpanContext, lap: Lap, problem: str) -> None:
        name, kind, attributes = self._phases[lap.phase]
        _end(self._below(parent, name, kind, attributes, lap.began), problem, lap.ended)

    def applied(self, parent: SpanContext, apply: Apply, together: int) -> None:
        """A span for an apply, below that of one of the transactions whose logins it counted together."""
        told: dict[str, str | int] = {
            "db.system.name": "redis",
            "db.operation.name": "EVALSHA",
            "data_processor.shard": apply.shard,
            "data_processor.users": apply.users,
            "data_processor.transactions": together,
        }
        problem = "" if apply.outcome == "applied" else apply.outcome
        _end(self._below(parent, "count", SpanKind.CLIENT, told, apply.began), problem, apply.ended)

    def _below(
        self, parent: SpanContext, name: str, kind: SpanKind, attributes: Mapping[str, str | int], began: int
    ) -> Span:
        context = set_span_in_context(NonRecordingSpan(parent))
        return self._tracer.start_span(name, context, kind, attributes, start_time=began)


def _operation(name: str, kind: str, destination: str) -> Mapping[str, str]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": name,
        "messaging.operation.type": kind,
        "messaging.destination.name": destination,
    }


def _calling(name: str, kind: str, destination: str) -> tuple[str, SpanKind, Mapping[str, str]]:
    return f"{name} {destination}", SpanKind.CLIENT, _operation(name, kind, destination)


def _end(span: Span, problem: str, ended: int) -> None:
    if problem:
        span.set_attribute("error.type", problem)
        span.set_status(StatusCode.ERROR)
    span.end(ended)
