"""What there is: processed records, dead letters and published counts, each held against the truth as it is read."""

import json
from array import array

from tests.chaos.evidence import Headers, Record
from tests.chaos.model import Fields, NoLogin, parsed
from tests.chaos.truth import (
    LETTER,
    PARTITION_SHIFT,
    Truth,
    fingerprint,
    letter_fingerprint,
    number,
    where,
)
from tests.chaos.verdict import Verdict

UNKNOWN = 0xFFFF_FFFF  # stands for a record without a number, in what a reader saw

Sequences = dict[int, "array[int]"]


class Processed:
    """The records of processed-logins, in the order of each partition."""

    def __init__(self, truth: Truth, verdict: Verdict, *, same_partition: bool) -> None:
        self.seen = bytearray(len(truth.places))
        self.sequences: Sequences = {}
        self._truth, self._verdict = truth, verdict
        self._same_partition = same_partition
        self._last: dict[tuple[int, int], int] = {}  # output and input partition → place of the latest record

    def take(self, record: Record) -> None:
        """Take the next record."""
        partition = record.partition()
        login = _processed(record.value())
        n = None if login is None else number(login)
        sequence = self.sequences.get(partition)
        if sequence is None:
            sequence = self.sequences[partition] = array("I")
        sequence.append(UNKNOWN if n is None else n)
        if login is None or n is None or not self._truth.has(n):
            self._verdict.add("foreign", f"{_at(record)}: {record.value()!r:.200}")
            return
        self.seen[n] = min(255, self.seen[n] + 1)
        if self.seen[n] > 1:
            self._verdict.add("duplicated", f"login d-{n} of {where(self._truth.places[n])} is once more {_at(record)}")
            return
        if fingerprint(record.key(), login, record.headers()) != self._truth.fingerprints[n]:
            said = f"login d-{n} of {where(self._truth.places[n])} became, {_at(record)}: {record.value()!r:.300}"
            self._verdict.add("altered", said)
        self._in_order(record, self._truth.places[n], n)

    def finish(self) -> None:
        """Name what never came."""
        for n, place in enumerate(self._truth.places):
            if place >= 0 and not self.seen[n]:
                self._verdict.add("lost", f"login d-{n} of {where(place)}")

    def _in_order(self, record: Record, place: int, n: int) -> None:
        partition, origin = record.partition(), place >> PARTITION_SHIFT
        if self._same_partition and partition != origin:
            self._verdict.add("misplaced", f"login d-{n} of {where(place)} is {_at(record)}")
        last = self._last.get((partition, origin), -1)
        if place < last:
            self._verdict.add("swapped", f"login d-{n} of {where(place)} is, {_at(record)}, behind {where(last)}")
        else:
            self._last[partition, origin] = place


def _processed(value: bytes | None) -> Fields | None:
    """Read a processed record, without its `processed_timestamp`; None when it is not shaped like one."""
    try:
        fields = parsed(value)
    except NoLogin:
        return None
    stamp = fields.pop("processed_timestamp", None)
    return fields if type(stamp) is int and stamp > 0 else None


class Letters:
    """The dead letters."""

    def __init__(self, truth: Truth, verdict: Verdict) -> None:
        self.found = 0
        self._truth, self._verdict = truth, verdict
        self._seen: set[int] = set()

    def take(self, record: Record) -> None:
        """Take the next one."""
        self.found += 1
        headers = record.headers() or []
        facts = {name.removeprefix(LETTER): value for name, value in headers if name.startswith(LETTER)}
        place = _place(facts)
        wanted = None if place is None else self._truth.letters.get(place)
        if place is None or wanted is None:
            self._verdict.add("letter-foreign", f"{_at(record)}, headers {headers!r:.300}")
            return
        if place in self._seen:
            self._verdict.add("letter-repeated", f"of {where(place)}, {_at(record)}")
        self._seen.add(place)
        own: Headers = [(name, value) for name, value in headers if not name.startswith(LETTER)]
        if letter_fingerprint(record.key(), record.value(), own, facts) != wanted:
            said = f"of {where(place)}, {_at(record)}: headers {headers!r:.300}, value {record.value()!r:.100}"
            self._verdict.add("letter-altered", said)

    def finish(self) -> None:
        """Name what never came."""
        for place in self._truth.letters.keys() - self._seen:
            self._verdict.add("letter-missing", f"of {where(place)}")


def _place(facts: dict[str, bytes | None]) -> int | None:
    try:
        partition, offset = int(facts["partition"] or b""), int(facts["offset"] or b"")
    except (KeyError, ValueError):
        return None
    return partition << PARTITION_SHIFT | offset


class Aggregations:
    """The records of user-aggregations."""

    def __init__(self, truth: Truth, verdict: Verdict) -> None:
        self.latest: dict[str, tuple[int, int]] = {}  # user → count, and the partition that it is in
        self._truth, self._verdict = truth, verdict

    def take(self, record: Record) -> None:
        """Take the next one."""
        user, count = _aggregation(record)
        if user is None or count is None:
            self._verdict.add("wrong-aggregation", f"{_at(record)} is none: {record.value()!r:.200}")
            return
        before, partition = self.latest.get(user, (0, record.partition()))
        if partition != record.partition():
            self._verdict.add("wrong-aggregation", f"{user} is in partition {partition}, too: {_at(record)}")
        elif count < before:
            self._verdict.add("went-down", f"{user} from {before} to {count}, {_at(record)}")
        self.latest[user] = (count, record.partition())

    def finish(self) -> None:
        """Name every user whose latest count is not what it must be."""
        compare(
            {user: count for user, (count, _) in self.latest.items()}, self._truth, self._verdict, "wrong-aggregation"
        )


def _aggregation(record: Record) -> tuple[str | None, int | None]:
    try:
        fields = json.loads(record.value() or b"")
        user, count = fields["user_id"], fields["login_count"]
    except (ValueError, KeyError, TypeError):
        return None, None
    sound = type(user) is str and type(count) is int and fields.keys() == {"user_id", "login_count"}
    return (user, count) if sound and record.key() == user.encode() else (None, None)


def compare(found: dict[str, int], truth: Truth, verdict: Verdict, kind: str) -> None:
    """Name every user whose count is not the number of their logins."""
    for user, logins in truth.users.items():
        if found.get(user) != logins:
            verdict.add(kind, f"{user} has {found.get(user)}, had {logins} logins")
    for user in found.keys() - truth.users.keys():
        verdict.add(kind, f"{user} has {found[user]}, had no login")


def _at(record: Record) -> str:
    return f"at partition {record.partition()} offset {record.offset()}"
