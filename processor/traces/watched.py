"""A worker that is watched: its parts note what happens, and after each turn that is made spans of."""

from collections import deque
from collections.abc import Mapping, Sequence
from time import time_ns
from typing import Any

from msgspec import Struct
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import SpanContext

from processor import seams
from processor.counting import Counts
from processor.counts.store import Applied, Conflict, Move
from processor.errors import DataProcessorError, Unavailable
from processor.kafka.output import Output
from processor.logins.batch import Batch, Part
from processor.settings import Settings
from processor.traces import begin
from processor.traces.sending import Sending
from processor.traces.spans import Spans, tracer
from processor.traces.turn import Apply, Turn, extents, outcome

_SEND_SECONDS = 5.0
_UNCOUNTED = 256  # transactions whose apply is waited for; with 40 a second that is 6 s
_APPLIES = 256


def watched(settings: Settings, process: str, client_id: str) -> "Watched":
    """Watch a worker, and send what was seen to the collector."""
    where = begin.url(settings.traces.endpoint)
    sending = Sending(OTLPSpanExporter(where, timeout=_SEND_SECONDS), where)
    return Watched(Spans(tracer(settings, process, sending), settings, client_id), sending, settings.redis.shards)


class _Uncounted(Struct):
    """A transaction whose logins are not counted yet: its span, each partition's end, and the shards to come."""

    span: SpanContext
    ends: Mapping[int, int]
    shards: set[int]


class Watched(begin.Traces):
    """Notes what a worker does; only the worker's own thread makes spans."""

    def __init__(self, spans: Spans, sending: SpanProcessor, shards: int) -> None:
        self.turn = Turn()
        self.applies: deque[Apply] = deque(maxlen=_APPLIES)  # put in by the counting thread
        self._spans = spans
        self._sending = sending
        self._shards = shards
        self._uncounted: deque[_Uncounted] = deque(maxlen=_UNCOUNTED)

    def judging(self, judge: begin.Judging) -> begin.Judging:
        """Note how long parts take, some hundred records at a time."""

        def noted(part: Part) -> Batch:
            began = time_ns()
            batch = judge(part)
            self.turn.decoded(began)
            return batch

        return noted

    def writing(self, output: Output) -> seams.Output:
        """Note transactions and their phases."""
        return _Output(output, self)

    def applying(self, store: Counts) -> Counts:
        """Note applies."""
        return _Store(store, self)

    def turning(self, turn: begin.Turn) -> begin.Turn:
        """Make spans of what a turn did, also where it ends the process."""

        def noted() -> None:
            try:
                turn()
            finally:
                self._tell()

        return noted

    def end(self) -> None:
        """Tell the last applies, too."""
        self._tell()
        self._sending.shutdown()

    def _tell(self) -> None:
        turn, self.turn = self.turn, Turn()
        if turn.batches and turn.laps:
            span = self._spans.turn(turn)
            if span is not None and not turn.problem:
                ends = {partition: one.end for partition, one in extents(turn.batches).items()}
                self._uncounted.append(_Uncounted(span, ends, set(range(self._shards))))
        while self.applies:
            self._tell_apply(self.applies.popleft())

    def _tell_apply(self, apply: Apply) -> None:
        counted = [one for one in self._uncounted if apply.shard in one.shards and _covers(apply.moves, one.ends)]
        for one in counted:
            self._spans.applied(one.span, apply, len(counted))
            if apply.outcome == "applied":
                one.shards.remove(apply.shard)
        if apply.outcome not in {"applied", Unavailable.__name__}:
            self._uncounted.clear()  # the worker goes back: what it counts then is no longer of these transactions
        self._uncounted = deque((one for one in self._uncounted if one.shards), _UNCOUNTED)


def _covers(moves: Sequence[Move], ends: Mapping[int, int]) -> bool:
    return any((move.start or 0) < ends.get(move.partition, 0) <= (move.end or 0) for move in moves)


class _Output:
    def __init__(self, output: Output, watching: Watched) -> None:
        self._output = output
        self._watching = watching

    def ready(self) -> None:
        self._output.ready()

    def write(self, batches: Sequence[Batch], ends: Mapping[int, tuple[int, str]], membership: Any) -> None:
        turn = self._watching.turn
        self._output.phases = lambda: turn.writes(batches)
        try:
            self._output.write(batches, ends, membership)
        except DataProcessorError as problem:
            turn.problem = type(problem).__name__
            raise


class _Store:
    def __init__(self, store: Counts, watching: Watched) -> None:
        self._store = store
        self._watching = watching

    def cursors(self) -> list[dict[int, int]]:
        return self._store.cursors()

    def apply(self, shard: int, moves: Sequence[Move], users: Mapping[str, int]) -> Applied | Conflict:
        began, ended_as = time_ns(), ""
        try:
            answer = self._store.apply(shard, moves, users)
            ended_as = outcome(answer, moves)
            return answer
        except DataProcessorError as problem:
            ended_as = type(problem).__name__
            raise
        finally:
            self._watching.applies.append(Apply(shard, moves, len(users), began, time_ns(), ended_as))
