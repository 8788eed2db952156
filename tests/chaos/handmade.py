"""Evidence made by hand: a small pool's whole work, all right at first, in which a test then spoils something."""

import json
from array import array
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

from tests.chaos.evidence import Headers, Offsets, Topic
from tests.chaos.made_up import MadeUp, Users
from tests.chaos.model import Fields, NoLogin, Number, processed
from tests.chaos.outputs import Sequences
from tests.chaos.truth import number

NOW = 1_700_000_000_000
INPUT = "user-login"


@dataclass(frozen=True)
class Lying:
    """A record as it lies in a topic; all of Kafka's that is looked at."""

    at: tuple[int, int]  # partition and offset
    held_key: bytes | None
    held_value: bytes | None
    held_headers: Headers | None = None

    def key(self) -> bytes | None:
        return self.held_key

    def value(self) -> bytes | None:
        return self.held_value

    def headers(self) -> Headers | None:
        return self.held_headers

    def partition(self) -> int:
        return self.at[0]

    def offset(self) -> int:
        return self.at[1]

    def timestamp(self) -> tuple[int, int]:
        return (1, NOW)


@dataclass
class Handmade:
    """See `Evidence`; its parts may be changed at will."""

    topics: dict[Topic, list[Lying]]
    counted: list[dict[str, int]]
    partitions: int
    first: int = 0  # offset of the input
    offsets: Offsets = field(default_factory=dict)
    counted_to: list[Offsets] = field(default_factory=list)
    published_to: list[Offsets] = field(default_factory=list)
    unstable: dict[Topic, Offsets] = field(default_factory=dict)  # last stable offsets that are not the ends
    input_name: str = INPUT

    @property
    def shards(self) -> int:
        return len(self.counted)

    def records(self, topic: Topic) -> list[Lying]:
        return self.topics[topic]

    def bounds(self, topic: Topic) -> dict[int, tuple[int, int]]:
        ends = Counter(record.partition() for record in self.topics[topic])
        return {p: (self.first, ends[p]) for p in range(self.partitions)}

    def stable(self, topic: Topic) -> Offsets:
        return {p: end for p, (_, end) in self.bounds(topic).items()} | self.unstable.get(topic, {})

    def committed(self) -> Offsets:
        return self.offsets

    def cursors(self) -> list[Offsets]:
        return self.counted_to

    def checkpoints(self) -> list[Offsets]:
        return self.published_to

    def counts(self) -> list[dict[str, int]]:
        return self.counted

    def change(self, topic: Topic, index: int, **changes: Any) -> None:
        """Replace parts of a topic's record."""
        self.topics[topic][index] = replace(self.topics[topic][index], **changes)

    def sequences(self) -> Sequences:
        """What a reader of processed-logins sees."""
        seen: Sequences = {p: array("I") for p in range(self.partitions)}
        for record in self.topics["processed"]:
            n = number(json.loads(record.value() or b""))
            assert n is not None
            seen[record.partition()].append(n)
        return seen


def handmade(partitions: int = 2, records: int = 400, shards: int = 2) -> Handmade:
    """Make the work of a pool that did everything right."""
    made_up, users = MadeUp(1), Users(20, partitions)
    topics: dict[Topic, list[Lying]] = {"input": [], "processed": [], "dead_letters": [], "aggregations": []}
    counts: Counter[str] = Counter()
    for i in range(records):
        home = i % partitions
        record = made_up.malformed() if i % 10 == 7 else made_up.login(users.draw(home, made_up.random))
        lying = Lying((home, i // partitions), *record)
        topics["input"].append(lying)
        try:
            login = processed(lying.value(), NOW)
        except NoLogin as why:
            topics["dead_letters"].append(_letter(lying, str(why)))
        else:
            counts[login["user_id"]] += 1
            topics["processed"].append(_processed(lying, login))
            count = {"user_id": login["user_id"], "login_count": counts[login["user_id"]]}
            topics["aggregations"].append(Lying((0, i), login["user_id"].encode(), json.dumps(count).encode()))
    ends = dict(Counter(record.partition() for record in topics["input"]))
    by_shard = [{user: n for user, n in counts.items() if crc32(user.encode()) % shards == s} for s in range(shards)]
    positions = [dict(ends) for _ in range(2 * shards)]
    return Handmade(topics, by_shard, partitions, 0, dict(ends), positions[:shards], positions[shards:])


def _processed(lying: Lying, login: Fields) -> Lying:
    announced = dict(list(login.items())[:7]) | {"processed_timestamp": NOW}
    value = json.dumps(announced, ensure_ascii=False)[:-1]
    more = [f"{json.dumps(name)}: {_text(held)}" for name, held in login.items() if name not in announced]
    key = login["user_id"].encode() if lying.key() is None else lying.key()
    return replace(lying, held_key=key, held_value=(", ".join([value, *more]) + "}").encode())


def _text(held: Any) -> str:
    """Write JSON, numbers as they came."""
    match held:
        case Number():
            return str(held)
        case dict():
            return "{" + ", ".join(f"{json.dumps(name)}: {_text(each)}" for name, each in held.items()) + "}"
        case list():
            return "[" + ", ".join(map(_text, held)) + "]"
    return json.dumps(held)


def _letter(lying: Lying, reason: str) -> Lying:
    facts = {"reason": reason, "message": "for people", "topic": INPUT}
    facts |= {"partition": str(lying.partition()), "offset": str(lying.offset()), "timestamp": str(NOW)}
    headers: Headers = [(f"dead-letter.{name}", value.encode()) for name, value in facts.items()]
    return replace(lying, held_headers=[*(lying.headers() or []), *headers])
