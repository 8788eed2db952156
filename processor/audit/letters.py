"""Dead letters held against the input: each record that is no login has exactly one, and it says where it came from."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from processor.audit.findings import Difference, Findings, Kind
from processor.audit.fingerprints import fingerprint
from processor.audit.shelf import Recent
from processor.kafka.dead_letters import PREFIX
from processor.kafka.markers import FromPartition, Redriven, is_marker, marker
from processor.logins.batch import Record
from processor.logins.headers import UNREADABLE, Headers, ask

Place = tuple[int, int]  # partition and offset of the input

_MESSAGE = f"{PREFIX}message"  # for people: its words may differ between versions


class Letter(Struct, frozen=True, array_like=True):
    """A dead letter that was found: whose it says it is, its digest, and where it lies."""

    of: Place
    fingerprint: bytes
    partition: int
    offset: int


def digest(key: bytes | None, value: bytes | None, headers: Headers) -> bytes:
    """Reduce a dead letter to what must be equal: all but the words of its message."""
    last = max((at for at, (name, _) in enumerate(headers) if name == _MESSAGE), default=-1)
    return fingerprint(key, value, [header for at, header in enumerate(headers) if at != last])


def letter(record: Record, headers: Headers, topic: str) -> Letter | None:
    """Read a dead letter; None when it does not say that it comes from this topic.

    The last header of a name counts: a record may carry those of a former failure, too.
    """
    facts = dict(headers)
    try:
        partition, offset = (int(facts[PREFIX + name] or b"") for name in ("partition", "offset"))
    except (KeyError, ValueError):
        return None
    if facts.get(f"{PREFIX}topic") != topic.encode():
        return None
    found = digest(record.key(), record.value(), headers)
    return Letter((partition, offset), found, record.partition() or 0, record.offset() or 0)


class Letters:
    """The matching; `due` says up to which input offset every dead letter must be there, but for the `purged` ones."""

    def __init__(
        self,
        due: Mapping[int, int],
        findings: Findings,
        ahead: Iterable[Letter] = (),
        purged: Mapping[int, FromPartition] | None = None,
    ) -> None:
        self.matched = 0
        self.redriven: set[Place] = set()  # which letters, by their own place
        self.purged = 0  # letters that are missing and were purged
        self.ahead: list[Letter] = []  # beyond what is due
        self.first: dict[int, int] = {}  # each partition's first one that was matched
        self._due = due
        self._findings = findings
        self._purged = purged or {}
        self._waiting: dict[Place, bytes] = {}
        self._early = {one.of: one for one in ahead}
        self._recent: Recent[Place] = Recent()

    def expect(self, of: Place, fingerprint: bytes) -> None:
        """Take a record that is no login."""
        found = self._early.pop(of, None)
        if found is None:
            self._waiting[of] = fingerprint
        else:
            self._match(found, fingerprint)

    def find(self, record: Record, topic: str) -> None:
        """Take a dead letter, or a marker."""
        try:
            headers: Headers = ask(record) or []
        except UNREADABLE:
            headers = []  # nobody's letter: those carry readable ones only
        if is_marker(headers):
            self._note(record)
            return
        found = letter(record, headers, topic)
        if found is None:
            self._add(
                "dead-letter-extra", "does not say that it comes from the input", record.partition(), record.offset()
            )
        elif found.of in self._waiting:
            self._match(found, self._waiting.pop(found.of))
        elif found.of in self._recent or found.of in self._early:
            self._add(
                "dead-letter-repeated", f"is there once more than {_input(found.of)}", found.partition, found.offset
            )
        else:
            self._early[found.of] = found

    @property
    def waiting(self) -> int:
        """How many have not been found yet."""
        return len(self._waiting)

    @property
    def early(self) -> set[int]:
        """The input partitions that must be read further to explain what was found."""
        return {p for p, offset in self._early if offset >= self._due.get(p, 0)}

    def judge(self, *, begin_known: bool) -> None:
        """Name what is left over; as with outputs, what lies before the first match may be older than this group."""
        self._judge_missing()
        older = [] if begin_known else list(filter(self._is_older, self._early.values()))
        if older:
            self._findings.doubt_all(
                f"{len(older)} dead letters, as partition {older[0].partition} offset {older[0].offset}, lie before "
                "the first that belongs to this group: from before a reset that nobody remembers, or of somebody else"
            )
        for found in self._early.values():
            if begin_known or not self._is_older(found):
                said = f"is the dead letter of {_input(found.of)}, which is a login or was not processed"
                self._add("dead-letter-extra", said, found.partition, found.offset)

    def _judge_missing(self) -> None:
        """A missing letter is lost, unless it lies where letters were purged; but no more than were purged there."""
        left = {partition: purge.letters for partition, purge in self._purged.items()}
        for partition, offset in sorted(self._waiting):
            purge = self._purged.get(partition)
            if offset >= self._due.get(partition, 0):
                continue
            if purge and offset <= purge.last and left[partition]:
                left[partition] -= 1
                self.purged += 1
            else:
                beyond = f"; {purge.letters} up to offset {purge.last} were purged, it is none of them" if purge else ""
                said = f"is no login and has no dead letter{beyond}"
                self._findings.add(Difference("dead-letter-lost", said, "input", partition, offset))

    def _note(self, record: Record) -> None:
        found = marker(record.value())
        if isinstance(found, Redriven):
            self.redriven.update((record.partition() or 0, one.offset) for one in found.letters)

    def _is_older(self, found: Letter) -> bool:
        return found.offset < self.first.get(found.partition, found.offset + 1)

    def _match(self, found: Letter, fingerprint: bytes) -> None:
        self.matched += 1
        self.first[found.partition] = min(found.offset, self.first.get(found.partition, found.offset))
        self._recent.add(found.of)
        if found.fingerprint != fingerprint:
            said = f"does not hold what the dead letter of {_input(found.of)} must hold"
            self._add("dead-letter-altered", said, found.partition, found.offset)
        if found.of[1] >= self._due.get(found.of[0], 0):
            self.ahead.append(found)

    def _add(self, kind: Kind, said: str, partition: int | None, offset: int | None) -> None:
        self._findings.add(Difference(kind, said, "dead_letters", partition, offset))


def _input(of: Place) -> str:
    return f"input partition {of[0]} offset {of[1]}"
