"""Made-up logins, in every shape that was seen in the wild, and records that are none, for every reason.

Each login carries a number of its own, `"device_id": "d-<n>"`: by it the oracle knows it again.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from random import Random
from typing import Any, NamedTuple
from zlib import crc32

Headers = list[tuple[str, bytes | None]]
Fields = dict[str, Any]

FIRST_SECOND = 1_694_479_551
UNUSUAL_IN = 8  # one login in so many is of another shape than the usual one
HUGE_IN = 300  # one malformed record in so many is of hundreds of kilobytes
HUGE_BYTES = (100_000, 900_000)
DEVICES = ("android", "iOS", "windows", "web")
LOCALES = ("RU", "DE", "en_GB", "日本", "ÅX")


class Record(NamedTuple):
    """What is to be sent."""

    key: bytes | None
    value: bytes | None
    headers: Headers | None = None


class Users:
    """The users, each at home in one partition; some log in far more often than others."""

    def __init__(self, users: int, partitions: int) -> None:
        everyone = [_name(number) for number in range(users)]
        self._homes = [[] for _ in range(partitions)]  # type: list[list[str]]
        for user in everyone:
            self._homes[crc32(user.encode()) % partitions].append(user)
        self._homes = [home or everyone for home in self._homes]

    def draw(self, partition: int, random: Random) -> str:
        """Draw one of a partition's users: half of the logins come from an eighth of them."""
        home = self._homes[partition]
        return home[int(len(home) * random.random() ** 3)]


def _name(number: int) -> str:
    if number % 20 == 0:
        return str(number + 1)  # may also come as a JSON number
    return f"пользователь-{number}-😀" if number % 33 == 0 else f"user-{number}"


class MadeUp:
    """Draws records; the seed decides all of them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.logins = 0  # how many were made: the next one's number
        self._numbers = count()  # of malformed ones

    def login(self, user: str) -> Record:
        """Make the next login."""
        n, bits = self.logins, self.random.getrandbits(48)
        self.logins += 1
        if bits % UNUSUAL_IN == 0:
            return self._unusual(user, n)
        value = (
            f'{{"user_id": "{user}", "app_version": "2.{bits >> 3 & 7}.0", "device_type": "{DEVICES[bits >> 6 & 3]}", '
            f'"ip": "{bits >> 8 & 127}.{bits >> 15 & 255}.7.1", "locale": "{LOCALES[(bits >> 23) % 5]}", '
            f'"device_id": "d-{n}", "timestamp": "{FIRST_SECOND + (n >> 10)}"}}'
        )
        return Record(user.encode(), value.encode())

    def malformed(self) -> Record:
        """Make a record that is no login."""
        number = next(self._numbers)
        key, headers = self.random.choice(KEYS_AND_HEADERS)
        if self.random.randrange(HUGE_IN) == 0:
            return Record(key, _huge(self.random), headers)
        good = {"user_id": f"nobody-{number}", "ip": "10.0.0.1", "locale": "RU", "timestamp": FIRST_SECOND}
        return Record(key, self.random.choice(MALFORMED)(good), headers)

    def _unusual(self, user: str, n: int) -> Record:
        fields: Fields = {
            "user_id": user,
            "app_version": "2.3.0",
            "device_type": "android",
            "ip": "199.172.111.135",
            "locale": "RU",
            "device_id": f"d-{n}",
            "timestamp": str(FIRST_SECOND + (n >> 10)),
        }
        self.random.choice(UNUSUAL)(fields)
        text = json.dumps(fields, ensure_ascii=bool(n & 1), separators=(",", ":") if n & 2 else None)
        key, headers = self.random.choice(KEYS_AND_HEADERS)
        return Record(key or user.encode(), text.encode(), headers) if n & 4 else Record(key, text.encode(), headers)


def _huge(random: Random) -> bytes:
    return b'{"user_id": 5.5, "x": "' + b"x" * random.randint(*HUGE_BYTES) + b'"}'


def _iso(fields: Fields, zone: timezone | None) -> str:
    """The login's time in ISO 8601, with milliseconds, and with an offset where a zone is given."""
    moment = datetime.fromtimestamp(int(fields["timestamp"]) + 0.25, UTC).astimezone(zone or UTC)
    return (moment if zone else moment.replace(tzinfo=None)).isoformat(timespec="milliseconds")


def _set(**values: Any) -> Callable[[Fields], object]:
    return lambda fields: fields.update(values)


def _timestamp(shape: Callable[[Fields], Any]) -> Callable[[Fields], object]:
    return lambda fields: fields.update(timestamp=shape(fields))


def _number_where_it_is_one(fields: Fields) -> None:
    if fields["user_id"].isdecimal():
        fields["user_id"] = int(fields["user_id"])


INDIA = timezone(timedelta(hours=5, minutes=30))

UNUSUAL: tuple[Callable[[Fields], object], ...] = (
    _number_where_it_is_one,
    _number_where_it_is_one,
    _timestamp(lambda fields: int(fields["timestamp"])),
    _timestamp(lambda fields: int(fields["timestamp"]) * 1000 + 7),
    _timestamp(lambda fields: f"{fields['timestamp']}123"),
    _timestamp(lambda fields: int(fields["timestamp"]) + 0.125),
    _timestamp(lambda fields: f"{fields['timestamp']}.9999"),
    _timestamp(lambda fields: _iso(fields, None)),
    _timestamp(lambda fields: _iso(fields, UTC)),
    _timestamp(lambda fields: _iso(fields, INDIA)),
    _set(timestamp="2024-12-15T10:00:00"),
    _set(timestamp="2024-12-15"),
    _set(timestamp=None),
    lambda fields: fields.pop("timestamp"),
    lambda fields: fields.pop("device_type"),
    _set(device_type=None, locale=None),
    _set(processed_timestamp=1),
    _set(referrer="https://example.org/?q=ü", attempts=3),
    _set(nested={"deeper": [1, 2.50, {"deepest": None}], "true": True}),
    _set(locale='"quoted" \\ and\nbroken', app_version="\x7f\t😀"),
)
"""What changes a login's shape, and leaves it a login."""

KEYS_AND_HEADERS: tuple[tuple[bytes | None, Headers | None], ...] = (
    (None, None),
    (None, None),
    (b"\x00\xff", None),
    (b"", [("trace", b"4bf92f3577b34da6")]),
    (None, [("trace", b"\xff\x00"), ("empty", None), ("trace", b"")]),
)


def _with(**values: Any) -> Callable[[Fields], bytes]:
    return lambda good: json.dumps(good | values).encode()


MALFORMED: tuple[Callable[[Fields], bytes | None], ...] = (
    lambda _: None,
    lambda _: b"",
    lambda good: json.dumps(good).encode().replace(b"RU", b"\xe9"),
    lambda good: b"\xef\xbb\xbf" + json.dumps(good).encode(),
    _with(locale="\ud83d"),
    lambda good: json.dumps(good).encode()[:-5],
    lambda good: json.dumps(good).encode() + b"{}",
    lambda good: json.dumps(good).encode().replace(b'"10.0.0.1"', b"NaN"),
    lambda good: json.dumps(good).encode()[:-1] + b', "deep": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    lambda good: json.dumps(good).encode()[:-1] + b', "deep": ' + b'{"a":' * 5_000 + b"0" + b"}" * 5_000 + b"}",
    lambda good: json.dumps(good).encode().replace(b"1694479551", b"1e400"),
    lambda good: b"[" + json.dumps(good).encode() + b"]",
    lambda _: b'"a string"',
    lambda _: b"null",
    lambda good: json.dumps({name: value for name, value in good.items() if name != "user_id"}).encode(),
    _with(user_id=None),
    _with(user_id=""),
    _with(user_id="u" * 257),
    _with(user_id=["list"]),
    _with(user_id=True),
    _with(user_id=4.5),
    _with(timestamp="soon"),
    _with(timestamp=True),
    _with(timestamp="2024-13-45T10:00:00"),
    _with(timestamp=10**17),
    _with(device_type=5),
    _with(ip=["10.0.0.1"]),
    _with(locale={"language": "de"}),
)
"""Each kind of record that is no login; the huge ones are made elsewhere, since they must be rare."""
