"""What must be there, from the input log alone: ten million logins in a few numbers each."""

from array import array
from typing import Any

from tests.chaos.evidence import Headers, Record
from tests.chaos.model import Fields, NoLogin, processed
from tests.chaos.verdict import Verdict

ANNOUNCED_FIELDS = 7
LONGEST_DEVICE_ID = len("d-999999999")
PARTITION_SHIFT = 48  # a place is one number: partition << 48 | offset
LETTER = "dead-letter."


class Truth:
    """Takes every record of the input, and knows after it what the pool must have made of all of them.

    Logins are known by the number in their device id; of each there is its place in the input and a fingerprint of the
    processed record that it must become. Python's own hash makes these: it is good for this one process, and quick.
    """

    def __init__(self, verdict: Verdict) -> None:
        self.places = array("q")  # of login n; -1: there is none of this number
        self.fingerprints = array("q")
        self.users: dict[str, int] = {}  # a Counter takes twice the time
        self.letters: dict[int, int] = {}  # place of a record that is no login → fingerprint of its dead letter
        self.logins = 0
        self._verdict = verdict

    def take(self, record: Record, topic: str) -> None:
        """Take the next record of the input."""
        place = record.partition() << PARTITION_SHIFT | record.offset()
        try:
            login = processed(record.value(), record.timestamp()[1])
        except NoLogin as why:
            self.letters[place] = letter_of(record, topic, str(why))
            return
        n, key = number(login), record.key()
        if n is None or self.has(n):
            said = "has the number of another one" if n is not None else "has no number"
            self._verdict.add("unjudgeable", f"the login at {where(place)} {said}: it is not the generator's")
            return
        if n >= len(self.places):
            self._make_room(n)
        self.places[n] = place
        self.fingerprints[n] = fingerprint(login["user_id"].encode() if key is None else key, login, record.headers())
        user = login["user_id"]
        self.users[user] = self.users.get(user, 0) + 1
        self.logins += 1

    def has(self, n: int) -> bool:
        """Whether the input holds a login of this number."""
        return n < len(self.places) and self.places[n] >= 0

    def _make_room(self, n: int) -> None:
        missing = n + 10_000 - len(self.places)
        self.places.extend([-1] * missing)
        self.fingerprints.extend([0] * missing)


def number(login: Fields) -> int | None:
    """The number that the generator gave a login."""
    device = login.get("device_id")
    if type(device) is str and device[:2] == "d-" and len(device) <= LONGEST_DEVICE_ID:
        try:
            n = int(device[2:])
        except ValueError:
            return None
        return n if n >= 0 else None
    return None


def fingerprint(key: bytes | None, login: Fields, headers: Headers | None) -> int:
    """Reduce a processed record to one number; `login` is without its `processed_timestamp`."""
    if headers is None and len(login) == ANNOUNCED_FIELDS:
        try:
            return hash((key, *login, *login.values()))
        except TypeError:  # a list where none belongs
            pass
    return hash((key, repr(login), repr(headers or [])))


def letter_of(record: Record, topic: str, reason: str) -> int:
    """Reduce the dead letter that a record must have to one number."""
    facts = {
        "reason": reason.encode(),
        "topic": topic.encode(),
        "partition": str(record.partition()).encode(),
        "offset": str(record.offset()).encode(),
        "timestamp": str(record.timestamp()[1]).encode(),
    }
    return letter_fingerprint(record.key(), record.value(), record.headers() or [], facts)


def letter_fingerprint(key: bytes | None, value: bytes | None, own: Headers, facts: dict[str, Any]) -> int:
    """Reduce a dead letter to one number; its message is for people, and not compared."""
    return hash((key, value, tuple(own), *(facts.get(name) for name in FACTS)))


FACTS = ("reason", "topic", "partition", "offset", "timestamp")


def where(place: int) -> str:
    """Say where in the input that is."""
    return f"input partition {place >> PARTITION_SHIFT} offset {place & ((1 << PARTITION_SHIFT) - 1)}"
