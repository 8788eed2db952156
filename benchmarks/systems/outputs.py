"""What must come out of every system, and whether it did: a figure of a run that lost or repeated something is none."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from msgspec import DecodeError, Struct, json

from benchmarks.rig import checks
from benchmarks.rig.failed import Failed
from benchmarks.rig.logins import Logins
from benchmarks.systems.system import Place, System
from processor.counts.keys import Keys
from processor.logins.timestamps import Instants

T = TypeVar("T")


class Given(Struct, gc=False):
    """A login as it is fed; a few bring fields that no one announced, which a system may drop."""

    user_id: str | int
    app_version: str
    ip: str
    locale: str
    device_id: str
    timestamp: str | int
    device_type: str | None = None


class Processed(Given, gc=False, kw_only=True):
    """What it must become: all fields, the id as a string, and when it was processed; the time stamp in any shape."""

    user_id: str
    processed_timestamp: int


class Expected(Struct, frozen=True):
    """What must come out of some logins."""

    logins: int
    digest: int  # of their contents, in any order
    counts: Counter[str]  # each user's logins


class Count(Struct, gc=False):
    """A record of user-aggregations."""

    user_id: str
    login_count: int


def expected(logins: Logins) -> Expected:
    """Derive it from what is fed."""
    read = json.Decoder(Given).decode
    return summed(read(value or b"") for block in logins.blocks for _, value in block)


def check(system: System, place: Place, wanted: Expected) -> None:
    """Raise Failed unless the output holds each login once, whole, and each user's count is exact."""
    topics, redis = place.settings.topics, place.settings.redis
    if not system.counts:
        copied = checks.count_committed(place.bootstrap, topics.processed)
        return checks.require("copied records", sum(copied.values()), wanted.logins)
    found = summed(_decoded(place.bootstrap, topics.processed, Processed))
    checks.require("processed records", found.logins, wanted.logins)
    checks.require("the processed records' contents, as one number", found.digest, wanted.digest)
    _require_counts("processed records of each user", found.counts, wanted.counts)
    if "topic" in system.counts:
        latest = {each.user_id: each.login_count for each in _decoded(place.bootstrap, topics.aggregations, Count)}
        _require_counts(topics.aggregations, latest, wanted.counts)
    if "redis" in system.counts:
        key = Keys(redis.prefix, 0).counts if system.ours else redis.prefix
        _require_counts("counts in Redis", checks.counted(redis, key), wanted.counts)
    return None


def summed(logins: Iterable[Given]) -> Expected:
    """Sum up logins, fed or processed, in any order."""
    instants = Instants()
    counts: Counter[str] = Counter()
    digest = 0
    for login in logins:
        user = str(login.user_id)
        counts[user] += 1
        more = (login.app_version, login.device_type, login.ip, login.locale, instants[login.timestamp])
        digest += hash((user, login.device_id, *more))
    return Expected(counts.total(), digest, counts)


def _decoded(bootstrap: str, topic: str, shape: type[T]) -> Iterator[T]:
    read = json.Decoder(shape).decode
    for messages in checks.committed(bootstrap, topic):
        for message in messages:
            value = message.value()
            try:
                yield read(value or b"")
            except DecodeError as problem:
                raise Failed(f"a record of {topic} is not as it should be: {problem}: {value!r}") from None


def _require_counts(what: str, found: Mapping[str, int], wanted: Mapping[str, int]) -> None:
    """Name one user and not all of them."""
    wrong = [user for user in wanted.keys() | found.keys() if found.get(user, 0) != wanted.get(user, 0)]
    if wrong:
        one = wrong[0]
        told = f"{len(wrong)} users are wrong, {one} for one"
        checks.require(f"{what}: {told}", found.get(one, 0), wanted.get(one, 0))
