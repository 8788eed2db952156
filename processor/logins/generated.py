"""Logins made up for trying out and for tests, as the wild sends them; the same recipe makes the same bytes."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from random import Random

from msgspec import Struct

from processor.logins.malformed import SPOILED

BLOCK = 5000  # logins that share a random stream: where they are cut into batches does not change them

Keyed = tuple[bytes | None, bytes | None]
"""A record's key and value."""

_FIRST_SECOND = 1_694_479_551  # no clock: the same bytes tomorrow
_A_SECOND = 500  # logins of generated time
_DEVICE_IDS = 10**9
_NUMBERED = 50  # each so manyth user has a number for an id, which producers write as a string or as an integer
_VERSIONS = ("2.3.0", "2.3.1", "2.4.0", "3.0.0-beta.1", "2.2.9", "2.3.0", "2.3.0", "2.1.14")
_DEVICES = ("android", "iOS", "android", "iOS", "android", "web", "android", None)
_LOCALES = ("RU", "US", "DE", "FR", "BR", "IN", "JP", "GB", "pt-BR", "zh-Hant-TW", "ES", "IT", "NL", "PL", "TR", "KR")
_MORE = (
    ', "session": "s-%d"',
    ', "risk": {"score": %d, "reasons": ["new device", "Gerät"]}',
    ', "attempts": %d',
    ', "processed_timestamp": %d',
)


class Recipe(Struct, frozen=True):
    """What logins to make up."""

    seed: int = 1
    users: int = 1000
    skew: float = 1.0  # as Zipf's exponent: 0 = every user alike, 1 = the second half as often as the first, and so on
    malformed: float = 0.0  # share of records that are no logins, from 0 to 1


def records(recipe: Recipe) -> Iterator[Sequence[Keyed]]:
    """All logins of a recipe, for ever, in blocks; every one has a device id of its own."""
    block = 0
    while True:
        stream = Random(f"{recipe.seed}/{block}")  # noqa: S311 (to be repeated)
        yield [_record(recipe, number, stream) for number in range(block * BLOCK, (block + 1) * BLOCK)]
        block += 1


def _record(recipe: Recipe, number: int, stream: Random) -> Keyed:
    """Draws as often for each, so that another share of malformed ones leaves the others as they were."""
    rank = skewed(stream.random(), recipe.users, recipe.skew)
    bits, spoilt = stream.getrandbits(80), stream.random() < recipe.malformed
    user = user_id(rank)
    value = _login(user, device_id(recipe.seed, number), _FIRST_SECOND + number // _A_SECOND, bits).encode()
    return user.encode(), SPOILED[(bits >> 64) % len(SPOILED)](value) if spoilt else value


def _login(user: str, device: str, second: int, bits: int) -> str:
    """One login as JSON; each of its choices takes some of the random bits."""
    device_type = _DEVICES[bits & 7]
    written = user if bits >> 3 & 1 and user.isdigit() else f'"{user}"'
    kind = f', "device_type": "{device_type}"' if device_type else ""
    more = _MORE[bits >> 4 & 3] % (bits >> 32 & 0xFFFF) if bits >> 6 & 63 == 0 else ""
    return (
        f'{{"user_id": {written}, "app_version": "{_VERSIONS[bits >> 12 & 7]}"{kind}, '
        f'"ip": "{(bits >> 15) % 223 + 1}.{bits >> 23 & 255}.{bits >> 31 & 255}.{bits >> 39 & 255}", '
        f'"locale": "{_LOCALES[bits >> 47 & 15]}", "device_id": "{device}", '
        f'"timestamp": {_timestamp(second, bits >> 51 & 1023)}{more}}}'
    )


def _timestamp(second: int, choice: int) -> str:
    """Mostly seconds in a string; a tenth as integer, a tenth in milliseconds, a few in ISO 8601."""
    if choice < 800:
        return f'"{second}"'
    if choice < 900:
        return str(second)
    if choice < 1000:
        return str(second * 1000 + choice) if choice & 1 else f'"{second * 1000 + choice}"'
    moment = datetime.fromtimestamp(second, UTC)
    return f'"{moment:%Y-%m-%dT%H:%M:%S}{("", "Z", "+02:00")[choice % 3]}"'


def skewed(chance: float, users: int, skew: float) -> int:
    """A user's rank, 0 the most frequent, from a chance in [0, 1): a power law in closed form, which needs no table."""
    if skew == 1.0:
        rank = (users + 1) ** chance
    else:
        power = 1.0 - skew
        rank = (((users + 1) ** power - 1) * chance + 1) ** (1 / power)
    return min(int(rank), users) - 1


@lru_cache(100_000)
def user_id(rank: int) -> str:
    """The same for every seed, so that two runs bring logins of the same users."""
    if rank % _NUMBERED == _NUMBERED - 1:
        return str(10_000_000 + rank)
    name = blake2b(b"%d" % rank, digest_size=16).hexdigest()
    return f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}"


def device_id(seed: int, number: int) -> str:
    """One of its own for each login: multiplied by 3^18, which has no factor in common with 10^9, none comes twice."""
    era, place = divmod(number, _DEVICE_IDS)
    digits = f"{(place * 3**18 + _offset(seed)) % _DEVICE_IDS:09d}"
    return f"{era or ''}{digits[:3]}-{digits[3:5]}-{digits[5:]}"


@lru_cache(16)
def _offset(seed: int) -> int:
    return Random(seed).randrange(_DEVICE_IDS)  # noqa: S311
