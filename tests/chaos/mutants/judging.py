"""What is wrong with a pool, by an account of what was fed to it; nothing of it is asked of processor/."""

import json
import time
from collections import Counter

import redis

from processor.settings import Settings
from tests.chaos.mutants.case import Case
from tests.pool import Account, bounds, offsets, read, redis_counts

SOUND_SECONDS = 300.0  # a sound pool comes to rest, however busy the machine
STILL_SECONDS = 4.0  # a mutant that has not moved for so long after the sound pool rests is at rest, too
RESTLESS = "it does not come to rest"


def wrong(case: Case) -> list[str]:
    """Wait until the pool is at rest, and name all that is not as the account says."""
    settled = _settle(case)
    if case.mutant is None:
        case.sound_rests.set()
    found = [*_processed(case.account), *_counted(case.account), *_published(case.account), *_cursors(case.settings)]
    return found or ([] if settled else [RESTLESS])


def _settle(case: Case) -> bool:
    deadline = time.monotonic() + SOUND_SECONDS
    picture, since = _picture(case), time.monotonic()
    while not (_caught_up(case.settings) and case.account.settled()):
        if (now := _picture(case)) != picture:
            picture, since = now, time.monotonic()
        if not case.sound_rests.is_set():  # on a busy machine a mutant may be as slow
            since = time.monotonic()
        still = time.monotonic() - since > STILL_SECONDS
        if time.monotonic() > deadline or (case.mutant and (still or _too_many(case.account))):
            return False
        case.revive()
        time.sleep(0.1)
    return True


def _caught_up(settings: Settings) -> bool:
    """Whether every cursor stands at its log's end: one of a Redis that went back does not, whatever is committed."""
    ends = {p: end for p, (_, end) in bounds(settings, settings.topics.input).items() if end}
    return all(shard.get(p) == end for shard in _shards(settings) for p, end in ends.items())


def _picture(case: Case) -> object:
    group, published = (offsets(case.settings, g) for g in (case.settings.group, case.settings.aggregations_group))
    return group, published, redis_counts(case.settings)


def _too_many(account: Account) -> bool:
    return any(logins > account.users[user] for user, logins in redis_counts(account.settings).items())


def _processed(account: Account) -> list[str]:
    topics = account.settings.topics
    found = Counter(json.loads(value or b"")["device_id"] for _, value in read(account.settings, topics.processed))
    letters = len(read(account.settings, topics.dead_letters))
    return [
        *_difference("processed-logins", found, account.logins),
        *([] if letters == account.malformed else [f"{letters} dead letters instead of {account.malformed}"]),
    ]


def _counted(account: Account) -> list[str]:
    return _difference("counts in Redis", Counter(redis_counts(account.settings)), account.users)


def _published(account: Account) -> list[str]:
    latest: Counter[str] = Counter()
    lowered = []
    for key, value in read(account.settings, account.settings.topics.aggregations):
        user, logins = (key or b"").decode(), json.loads(value or b"")["login_count"]
        if logins < latest[user]:
            lowered.append(user)
        latest[user] = logins
    went_down = [f"{len(lowered)} published counts went down"] if lowered else []
    return [*went_down, *_difference("user-aggregations", latest, account.users)]


def _difference(where: str, found: "Counter[str]", right: "Counter[str]") -> list[str]:
    more, less = (found - right).total(), (right - found).total()
    return [f"{where}: {n} {what}" for n, what in ((more, "too many"), (less, "missing")) if n]


def _cursors(settings: Settings) -> list[str]:
    """A cursor never leads: what is counted was committed before."""
    committed = offsets(settings, settings.group)
    cursors = [(p, at) for shard in _shards(settings) for p, at in shard.items()]
    return [
        f"partition {p} is counted to {at}, beyond what is committed" for p, at in cursors if at > committed.get(p, 0)
    ]


def _shards(settings: Settings) -> list[dict[int, int]]:
    with redis.Redis.from_url(settings.redis.url, decode_responses=True) as client:
        names = [f"{{{settings.redis.prefix}:{shard}}}:cursors" for shard in range(settings.redis.shards)]
        return [{int(p): int(at) for p, at in client.hgetall(name).items() if p.isdigit()} for name in names]
