"""Sends letters back to the input, in one transaction with the markers that say so; writes purges' markers, too."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from msgspec import Struct

from processor.errors import DataProcessorError, Fenced, Unavailable
from processor.faults import reach
from processor.kafka.client import SLOW_SECONDS, failure, producer_properties, translated
from processor.kafka.letters import Id
from processor.kafka.markers import Marker, Origin, Place, Purged, Redriven, Return, written
from processor.kafka.quiet import QUIET
from processor.kafka.transactions import refuse_failed
from processor.logins.headers import Headers
from processor.settings import Settings

_STEP_SECONDS = 0.5  # of one wait
_PATIENCE_SECONDS = 30.0  # without an answer


class Returned(Struct, frozen=True):
    """A record that goes back to the input."""

    id: Id  # of the letter that it was
    origin: Origin
    partition: int  # of the input; -1: by its key
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int | None  # ms; None: of now


class Returning:
    """A producer under a transactional.id that all such tools of a pool share: the last one fences the others.

    So between `ready` and the next failure nobody else redrives or purges, and whatever a former one left open is
    settled: what was committed by then can be read, and nothing is added to it.
    """

    def __init__(self, settings: Settings, client_id: str, by: str) -> None:
        self._sound = self._disturbed = False
        self._settings = settings
        self._client_id = client_id
        self._by = by
        self._places: dict[Id, Place] = {}
        self._problem: KafkaError | None = None

    @property
    def sound(self) -> bool:
        """Whether it is ready, and no former request of it can still be under way."""
        if self._sound:
            with self._judging("waiting for the next letters"):
                self._producer.poll(0)  # serves the callbacks that set `_disturbed`
        return self._sound and not self._disturbed

    def ready(self) -> None:
        """Begin with a new producer."""
        settings, name = self._settings, f"{self._settings.group}-redrive"
        properties = producer_properties(settings, self._client_id, name, self._disturb)
        with translated("creating a producer"):
            self._producer = Producer({**properties, "logger": QUIET})
        self._insist("initialising transactions", lambda: self._producer.init_transactions(_STEP_SECONDS))
        self._producer.poll(0)
        self._sound, self._disturbed = True, False

    def send(self, records: Sequence[Returned], when: str) -> None:
        """Write records to the input and their letters' markers beside the letters: all of it, or nothing.

        Raises Unavailable, Fenced, Refused or ClientFailed; then `ready` and a look at the markers tell what became
        of it.
        """
        with self._transaction():
            self._places = {}
            for one in records:
                self._produce_record(one)
            self._flush("sending the records")
            reach("redrive.after-records")
            markers = {p: Redriven(when, self._by, found) for p, found in self._returns(records).items()}
            self._mark(markers)
            reach("redrive.before-commit")
        reach("redrive.after-commit")

    def note(self, purges: Mapping[int, Purged]) -> None:
        """Write the markers of purges, of all partitions together."""
        with self._transaction():
            self._mark(purges)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._insist("beginning a transaction", self._producer.begin_transaction)
            yield
            began = monotonic()
            self._insist("committing", lambda: self._producer.commit_transaction(_STEP_SECONDS))
            self._sound = monotonic() - began < SLOW_SECONDS
        except BaseException:
            self._sound = False
            self._abort()
            raise

    def _produce_record(self, one: Returned) -> None:
        note = partial(self._note, one.id)
        self._produce(
            self._settings.topics.input,
            one.value,
            one.key,
            one.partition,
            headers=one.headers,
            timestamp=one.timestamp or 0,  # 0 is now
            on_delivery=note,
        )

    def _mark(self, markers: Mapping[int, Marker]) -> None:
        for partition, made in markers.items():
            value, headers = written(made)
            self._produce(
                self._settings.topics.dead_letters,
                value,
                None,
                partition,
                headers=headers,
                on_delivery=self._note_error,
            )
        self._flush("writing the markers")

    def _returns(self, records: Iterable[Returned]) -> dict[int, list[Return]]:
        """What the markers say, by the partition of the letters."""
        returns: dict[int, list[Return]] = defaultdict(list)
        for one in records:
            returns[one.id.partition].append(Return(one.id.offset, one.origin, self._places[one.id]))
        return returns

    def _produce(self, *record: Any, **more: Any) -> None:
        began = monotonic()
        with self._judging("sending"):
            while True:
                try:
                    return self._producer.produce(*record, **more)
                except BufferError:
                    self._producer.poll(_STEP_SECONDS)
                    self._wait_on(began, "the queue is full")

    def _note(self, letter: Id, error: KafkaError | None, message: Message) -> None:
        self._note_error(error, message)
        if error is None:
            self._places[letter] = (message.partition() or 0, message.offset() or 0)

    def _note_error(self, error: KafkaError | None, _message: Message) -> None:
        self._problem = self._problem or error

    def _flush(self, doing: str) -> None:
        """Wait until all is delivered; raises what one record failed of."""
        began, self._problem = monotonic(), None
        with self._judging(doing):
            while self._producer.flush(_STEP_SECONDS) > 0:
                self._wait_on(began, doing)
            if self._problem is not None:
                refuse_failed(self._producer)  # of which the record says only that it was taken back
        if self._problem is not None:
            raise self._judged(self._problem, doing)

    def _insist(self, doing: str, call: Callable[[], object]) -> None:
        """Repeat a call for as long as the client says that it goes on where it was."""
        began = monotonic()
        while True:
            try:
                call()
                return
            except KafkaException as problem:
                error = problem.args[0]
                if not error.retriable():
                    raise self._judged(error, doing) from problem
                self._wait_on(began, f"{doing}: {error.str()}")

    def _wait_on(self, began: float, why: str) -> None:
        if monotonic() - began > _PATIENCE_SECONDS:
            raise Unavailable(f"Kafka: {why}: no answer for {_PATIENCE_SECONDS:.0f} s")

    @contextmanager
    def _judging(self, doing: str) -> Iterator[None]:
        """Raise this project's errors for the client's.

        A fatal one is raised inside of what serves the callbacks; a delivery's callback that comes after it in the same
        call then ends in a SystemError, caused by the real one.
        """
        try:
            yield
        except KafkaException as problem:
            raise self._judged(problem.args[0], doing) from problem
        except SystemError as problem:
            if not isinstance(problem.__cause__, KafkaException):
                raise
            raise self._judged(problem.__cause__.args[0], doing) from problem

    def _judged(self, error: KafkaError, doing: str) -> DataProcessorError:
        problem = failure(error, doing)
        if isinstance(problem, Fenced):
            return Fenced(
                f"Kafka: {doing}: another `dead-letters redrive` or `purge` of this pool has taken over, or the "
                "transaction took longer than 10 s"
            )
        return problem

    def _disturb(self) -> None:
        self._disturbed = True

    def _abort(self) -> None:
        try:
            self._producer.abort_transaction(2 * _STEP_SECONDS)
        except (KafkaException, SystemError):  # what is raised already says why; the next `ready` aborts what is open
            return
