"""Letters go back to the input: each once, unless a person asks for more.

1. A producer is made that fences whoever redrove before, and settles what they left open. 2. The markers are read to
the topic's end: now it is certain which letters went back. 3. Letters that did not are prepared, some at a time, and
sent in one transaction with the markers that say so. Killed anywhere, that transaction is there as a whole or not at
all, and the next run begins at 1. Whenever a producer has to be replaced, 2 follows: another tool may have worked.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from copy import copy
from datetime import UTC, datetime

from msgspec import Struct, field

from processor.errors import DataProcessorError
from processor.kafka import topics
from processor.kafka.letterbox import Letterbox, Marks
from processor.kafka.letters import Id, Letter
from processor.kafka.markers import Origin
from processor.kafka.returning import Returned, Returning
from processor.letters.choice import Choice, refuse_if_gone, refuse_if_missing
from processor.letters.returns import Change, Content, Returns, Stays
from processor.logins.judge import BAD_HEADERS
from processor.settings import Settings

_BATCH_RECORDS = 1_000
_BATCH_BYTES = 4_000_000  # so that a transaction takes a fraction of its ten seconds


class Orders(Struct, frozen=True):
    """What is to be done with which letters."""

    choice: Choice
    change: Change
    again: bool = False  # those that were redriven before, too
    force: bool = False  # those that the workers would refuse again, too
    at_once: bool = False  # each as soon as it is prepared: a person is at work on them


class Look(Struct):
    """What would be done."""

    letters: int = 0  # chosen ones
    redriven: int = 0  # of those, they went back before
    reasons: Counter[str] = field(default_factory=Counter)  # of those that are to go


class Outcome(Struct):
    """What was done."""

    sent: int = 0
    redriven: int = 0  # left alone, as they went back before
    stays: Counter[str] = field(default_factory=Counter)  # left alone, by why
    retimed: int = 0  # sent with the time of now: their own is too old for the input
    bare: int = 0  # sent without their own headers, which nobody can read


Tell = Callable[[Id, Stays], None]
Advance = Callable[[int], None]


class Redrive:
    """One redrive of one pool; `tell` hears of each letter that is left alone."""

    def __init__(self, settings: Settings, orders: Orders, tell: Tell) -> None:
        self.outcome = Outcome()
        self._orders = orders
        self._going: set[Origin] = set()  # after a reset an input record may have two letters: it goes once a run
        self._tell = tell
        self._box = Letterbox(settings)
        self._marks = Marks(self._box)
        kept = int(topics.properties(self._box.cluster, settings.topics.input)["retention.ms"])
        self._returns = Returns(settings, self._box.input_partitions(), kept, force=orders.force)
        self._returning = Returning(settings, f"{settings.host}-redrive", settings.host)

    def look(self) -> Look:
        """Find out what is meant; changes nothing. Raises Refused for an id that is not there."""
        found, ids = Look(), self._orders.choice.ids
        refuse_if_gone(ids, self._box.bounds())
        self._marks.read_on()
        seen: set[Id] = set()
        for letter in self._chosen():
            found.letters += 1
            if ids:
                seen.add(letter.id)
            if self._went_back(letter):
                found.redriven += 1
            else:
                found.reasons[letter.reason] += 1
        refuse_if_missing(ids, seen)
        return found

    def run(self, advance: Advance, *, dry: bool = False) -> Outcome:
        """Send them; with `dry` only find out which would stay, and why."""
        if dry:
            for batch in self._batches(advance):
                self.outcome.sent += len(batch)
            return self.outcome
        self._settle()
        try:
            for batch in self._batches(advance):
                self._send(batch)
        except DataProcessorError as problem:
            told = copy(problem)
            told.args = (
                f"{problem}. Redriven for certain: {self.outcome.sent:,}. Run it again: it finds out what became of "
                "the last ones, and sends no letter twice",
            )
            raise told from problem
        return self.outcome

    def _settle(self) -> None:
        self._returning.ready()
        self._marks.read_on()

    def _send(self, batch: list[Returned]) -> None:
        if not self._returning.sound:
            self._settle()
            batch = [one for one in batch if self._orders.again or one.origin not in self._marks.returns]
        if batch:
            self._returning.send(batch, datetime.now(UTC).isoformat(timespec="milliseconds"))
            self.outcome.sent += len(batch)
            self.outcome.retimed += sum(one.timestamp is None for one in batch)

    def _chosen(self) -> Iterator[Letter]:
        bounds = {p: (low, self._marks.ends.get(p, low)) for p, (low, _) in self._box.bounds().items()}
        lows, highs = ({p: at[end] for p, at in self._orders.choice.within(bounds).items()} for end in (0, 1))
        return filter(self._orders.choice.takes, self._box.letters(lows, highs))

    def _went_back(self, letter: Letter) -> bool:
        return letter.origin in self._marks.returns and not self._orders.again

    def _batches(self, advance: Advance) -> Iterator[list[Returned]]:
        batch: list[Returned] = []
        size = 0
        for letter in self._chosen():
            made = self._prepared(letter)
            advance(1)
            if made is None:
                continue
            self._going.add(made.origin)
            self.outcome.bare += letter.reason == BAD_HEADERS.reason
            batch.append(made)
            size += len(made.value or b"")
            if self._orders.at_once or len(batch) >= _BATCH_RECORDS or size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _prepared(self, letter: Letter) -> Returned | None:
        if self._went_back(letter) or letter.origin in self._going:
            self.outcome.redriven += 1
            return None
        made = self._made(letter)
        if isinstance(made, Stays):
            self.outcome.stays[made.why] += 1
            self._tell(letter.id, made)
            return None
        return made

    def _made(self, letter: Letter) -> Returned | Stays:
        content = self._content(letter)
        if isinstance(content, Stays):
            return content
        value = self._orders.change(letter, content.value)
        if isinstance(value, Stays):
            return value
        return self._returns.decide(letter, content, value, round(time.time() * 1000))

    def _content(self, letter: Letter) -> Content | Stays:
        if not letter.left_out:
            return Content(letter.key, letter.value, letter.headers)
        original = self._box.original(letter.origin)
        if original is None:
            return Stays("left out, and the input does not hold it any more")
        return Content(original.key, original.value, original.headers)
